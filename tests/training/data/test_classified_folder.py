"""Folders of images with classes: which layouts are known, which classes are meant, what is wrong is named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.training.data.annotated import box, image
from tests.training.data.class_sets import data, picture
from training.data.classified_folder import classified_splits
from training.data.voc import write_voc
from training.errors import TrainingError

RED, YELLOW = (200, 30, 30), (230, 210, 40)


@pytest.fixture
def fruits(tmp_path: Path) -> Path:
    """A set like Fruits-360, as its archive unpacks."""
    root = tmp_path / "fruits-360_dataset" / "fruits-360"
    for split, count in (("Training", 3), ("Test", 2)):
        for label, colour in (("Apple Red 1", RED), ("Apple Red 2", RED), ("Banana", YELLOW), ("Kiwi", (90, 70, 40))):
            for number in range(count):
                picture(root / split / label / f"{number}_100.jpg", colour)
    picture(root / "test-multiple_fruits" / "apples.jpg")
    return tmp_path


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Two folders of unequal size."""
    for label, count in (("cow", 10), ("horse", 5)):
        for number in range(count):
            picture(tmp_path / label / f"{number}.png", RED if label == "cow" else YELLOW)
    return tmp_path


def test_fruits_360_has_its_own_splits_and_only_the_classes_asked_for(fruits: Path) -> None:
    splits = classified_splits(fruits, data("Banana", "Apple Red 1"))
    assert splits.counts() == {
        "train": {"images": 6, "Banana": 3, "Apple Red 1": 3},
        "validation": {"images": 4, "Banana": 2, "Apple Red 1": 2},
    }
    banana = splits.train.pixels[splits.train.labels == 0]
    assert banana.shape == (3, 10, 12, 3)
    assert np.abs(banana.mean((0, 1, 2)) - YELLOW).max() < 4  # JPEG
    assert splits.train.names[0] == "Training/Apple Red 1/0_100.jpg"


def test_a_recipes_name_means_the_numbered_classes_of_the_set(fruits: Path) -> None:
    assert classified_splits(fruits, data("apple_red", "kiwi")).train.counts() == {"apple_red": 6, "kiwi": 3}
    with pytest.raises(TrainingError, match="'Apple Red 1' and 'apple_red' both mean 'Apple Red 1'"):
        classified_splits(fruits, data("Apple Red 1", "apple_red"))
    with pytest.raises(
        TrainingError, match=r"there is no class 'bananas' \(data.classes\); there are Banana and 3 more$"
    ):
        classified_splits(fruits, data("bananas"))


def test_an_unknown_class_is_named_with_those_that_are_there(animals: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no class 'sheep' \(data.classes\); there are cow, horse$"):
        classified_splits(animals, data("cow", "sheep"))


def test_each_class_is_divided_alike_and_by_the_seed(animals: Path) -> None:
    first = classified_splits(animals, data("cow", "horse", channels=1))
    assert first.counts() == {
        "train": {"images": 12, "cow": 8, "horse": 4},
        "validation": {"images": 3, "cow": 2, "horse": 1},
    }
    assert first.train.pixels.shape[3] == 1
    again, other = (classified_splits(animals, data("cow", "horse", seed=seed)) for seed in (1, 2))
    assert again.train.names == first.train.names != other.train.names


def test_a_folder_without_classes_is_one_class(animals: Path) -> None:
    assert classified_splits(animals / "cow", data("animal")).counts()["train"] == {"images": 8, "animal": 8}
    with pytest.raises(TrainingError, match=r"its images have no classes, but data\.classes asks for 2"):
        classified_splits(animals / "cow", data("cow", "horse"))


def test_annotated_sets_are_whole_scenes(tmp_path: Path) -> None:
    one, two = [box("helmet")], [box("helmet"), box("head", 20, 4, 30, 24), box("person", 1, 1, 39, 29)]
    write_voc(tmp_path / "voc", [image(tmp_path / "png" / f"{n}.png", *(two if n % 2 else one)) for n in range(10)])
    scenes = classified_splits(tmp_path / "voc", data("scene"))
    assert scenes.counts()["train"] == {"images": 8, "scene": 8}
    assert scenes.train.pixels.shape == (8, 10, 12, 3)
    by_people = classified_splits(tmp_path / "voc", data("several_people+somebody_bareheaded", "one_person"))
    assert by_people.train.counts() == {"several_people+somebody_bareheaded": 4, "one_person": 4}
    with pytest.raises(TrainingError, match="none of nobody, one_person is a scene with 2 people"):
        classified_splits(tmp_path / "voc", data("nobody", "one_person"))
    with pytest.raises(TrainingError, match="'crowd' says nothing of a scene; there are nobody, one_person"):
        classified_splits(tmp_path / "voc", data("nobody", "one_person+crowd"))


def test_broken_files_are_named_and_left_out(animals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (animals / "cow" / "0.png").read_bytes()
    for name, content in (("0.png", b""), ("1.png", b"no picture"), ("2.png", whole[: len(whole) // 2])):
        (animals / "cow" / name).write_bytes(content)
    assert classified_splits(animals, data("cow", "horse")).counts()["train"]["cow"] <= 7
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in told] == ["empty file", "unreadable image", "unreadable image"]
    assert all(str(animals / "cow" / f"{number}.png") in line for number, line in enumerate(told))


def test_images_are_seen_upright_and_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = 255
    for number in range(2):
        turned = Image.fromarray(pixels)
        exif = turned.getexif()
        exif[0x0112] = 6  # the camera was held upright: left is up
        turned.save(tmp_path / f"{number}.png", exif=exif)
    upright = classified_splits(tmp_path, data("half", width=10, height=10)).train.pixels[0]
    assert (upright[:5] == 0).all()
    assert (upright[5:] == 255).all()
    for file in tmp_path.iterdir():
        assert cv2.imwrite(str(file), np.zeros((20, 20, 4), np.uint8))
    assert (classified_splits(tmp_path, data("clear")).train.pixels == 255).all()


def test_sets_that_cannot_be_divided_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no such folder"):
        classified_splits(tmp_path / "nowhere", data("a"))
    with pytest.raises(TrainingError, match="no set of images: it has neither images"):
        classified_splits(tmp_path, data("a"))
    picture(tmp_path / "a" / "only.png")
    with pytest.raises(TrainingError, match="a single usable image of the classes asked for"):
        classified_splits(tmp_path, data("a"))
    (tmp_path / "b").mkdir()
    with pytest.raises(TrainingError, match="no usable images of the classes asked for"):
        classified_splits(tmp_path, data("b"))
