"""A folder from outside: any format, its own splits or ours, and clear words when it cannot be trained on."""

from pathlib import Path

import pytest

from tests.training.data.annotated import CLASSES, box, image
from training.data.annotations import AnnotatedImage
from training.data.faults import AnnotatedSet, Split
from training.data.folder import folder_splits
from training.data.formats import PRESETS, Format, class_names, read_set, recognise, write_set
from training.errors import TrainingError
from training.recipe import load_recipe


@pytest.fixture
def images(tmp_path: Path) -> list[AnnotatedImage]:
    """Ten images, each with a box of every class."""
    boxes = [box(label, number, 1, 30, 20) for number, label in enumerate(CLASSES)]
    return [image(tmp_path / "source" / f"{number}.png", *boxes) for number in range(10)]


def written(folder: Path, name: Format, images: list[AnnotatedImage], **splits: Split) -> Path:
    """A set on disk; `splits` by the stem of a file, after a letter."""
    places = {made.file: splits[f"n{made.file.stem}"] for made in images if f"n{made.file.stem}" in splits}
    write_set(folder, name, AnnotatedSet(CLASSES, tuple(images), (), places))
    return folder


@pytest.mark.parametrize("name", Format)
def test_every_format_is_recognised_and_split_alike(tmp_path: Path, images: list[AnnotatedImage], name: Format) -> None:
    folder = written(tmp_path / name, name, images)
    assert recognise(folder) is name
    splits = folder_splits(folder, CLASSES, seed=3)
    if name is Format.YOLO:  # without splits all images lie in "train"
        assert {made.file.parent.name for made in splits.validation} == {"train"}
    other = folder_splits(written(tmp_path / "again", Format.VOC, images), CLASSES, seed=3)
    assert [made.file.name for made in splits.validation] == [made.file.name for made in other.validation]
    assert (len(splits.train), len(splits.validation)) == (8, 2)


@pytest.mark.parametrize("name", Format)
def test_a_folders_own_splits_are_kept(
    tmp_path: Path, images: list[AnnotatedImage], name: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / name, name, images[:3], n0="validation", n1="train", n2="test")
    splits = folder_splits(folder, CLASSES)
    assert [made.file.name for made in splits.validation] == ["0.png"]
    assert [made.file.name for made in splits.train] == ["1.png"]
    assert capsys.readouterr().err == ""


def test_images_kept_for_testing_are_never_trained_on(tmp_path: Path, images: list[AnnotatedImage]) -> None:
    folder = written(tmp_path / "voc", Format.VOC, images, n0="test", n1="test")
    splits = folder_splits(folder, CLASSES)
    assert {made.file.name for made in (*splits.train, *splits.validation)} == {
        f"{number}.png" for number in range(2, 10)
    }


def test_images_in_no_split_are_told(
    tmp_path: Path, images: list[AnnotatedImage], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "voc", Format.VOC, images, n0="validation", n1="train")
    folder_splits(folder, CLASSES)
    assert "8 images are in none of its splits and are not used" in capsys.readouterr().err


def test_faults_are_told(tmp_path: Path, images: list[AnnotatedImage], capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "voc", Format.VOC, images)
    splits = folder_splits(folder, CLASSES[:2])
    told = capsys.readouterr().err
    assert {one.label for made in splits.train for one in made.boxes} == set(CLASSES[:2])
    assert "0.xml: unknown class: box skipped: 'mask_weared_incorrect' (2, 1, 30, 20)" in told
    assert f"and 5 more faults; `python -m training report {folder}` names all" in told


@pytest.mark.parametrize(("count", "words"), [(1, "a single usable image"), (0, "no usable image")])
def test_a_set_that_is_too_small_is_one_sentence(
    tmp_path: Path, images: list[AnnotatedImage], count: int, words: str
) -> None:
    folder = written(tmp_path / "voc", Format.VOC, images[:1])
    for made in list((folder / "images").iterdir())[count:]:
        made.unlink()
    with pytest.raises(TrainingError, match=f"voc: {words}: training and validation need at least one each"):
        folder_splits(folder, CLASSES)


def test_a_folder_without_a_set_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no annotated set: it has neither annotations/\*\.xml \(VOC\)"):
        read_set(tmp_path)
    with pytest.raises(TrainingError, match="there is no such folder"):
        read_set(tmp_path / "absent")


def test_two_sets_are_never_mixed(tmp_path: Path, images: list[AnnotatedImage]) -> None:
    folder = written(tmp_path / "voc", Format.VOC, images)
    with pytest.raises(TrainingError, match="must be a new or an empty folder"):
        written(folder, Format.COCO, images)


def test_the_preset_of_face_masks_has_the_recipes_order() -> None:
    assert class_names("face-masks") == load_recipe("mask-compact").data.classes
    assert class_names("hard-hats") == PRESETS["hard-hats"] == ("helmet", "head", "person")
    assert class_names("a, b") == ("a", "b")


@pytest.mark.parametrize("text", ["a,,b", "a,a", ","])
def test_classes_must_differ_and_have_names(text: str) -> None:
    with pytest.raises(TrainingError, match=f"classes = '{text}': must be different names"):
        class_names(text)
