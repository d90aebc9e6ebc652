"""Two domains from outside, as CycleGAN's sets have them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.data.class_sets import picture
from training.data.domain_folder import domain_splits
from training.errors import TrainingError
from training.recipe import Data

RED, GREEN = (200, 40, 30), (20, 180, 60)


def data(*classes: str, seed: int = 1) -> Data:
    table = {"source": "animals", "classes": classes or ("cow", "horse"), "train": 1, "validation": 1}
    return Data.model_validate(table | {"width": 12, "height": 10, "seed": seed})


def fill(folder: Path, count: int, colour: tuple[int, int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture(folder / f"{number}.png", colour)


def test_folders_of_sides_and_splits_are_the_domains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, count, colour in (("trainA", 4, RED), ("trainB", 3, GREEN), ("testA", 2, RED), ("testB", 1, GREEN)):
        fill(tmp_path / name, count, colour)
    splits = domain_splits(tmp_path, data())
    assert splits.domains == ("cow", "horse")
    assert [len(images) for images in (*splits.train, *splits.validation)] == [4, 3, 2, 1]
    assert splits.train[1].pixels.shape == (3, 10, 12, 3)
    assert (splits.train[0].pixels == RED).all()
    assert (splits.validation[1].pixels == GREEN).all()
    assert splits.validation[1].labels.tolist() == [1]
    assert splits.masks is None
    assert "'cow': 4 images, 2 held out" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("A", "B"), ("Cow", "horse")])
def test_folders_without_splits_are_divided_by_the_seed(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, colour in zip(names, (RED, GREEN), strict=True):
        fill(tmp_path / name, 10, colour)
    splits = domain_splits(tmp_path, data())
    assert [len(images) for images in (*splits.train, *splits.validation)] == [8, 8, 2, 2]
    assert (splits.train[1].pixels == GREEN).all()
    assert not set(splits.train[0].names) & set(splits.validation[0].names)
    assert list(domain_splits(tmp_path, data()).validation[0].names) == list(splits.validation[0].names)


def test_splits_may_hold_a_folder_for_each_domain_or_the_other_way_round(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for domain, side, colour in (("cow", "A", RED), ("horse", "B", GREEN)):
            fill(tmp_path / "classes" / split / domain, 2, colour)
            fill(tmp_path / "sides" / side / split, 2, colour)
    for name in ("classes", "sides"):
        splits = domain_splits(tmp_path / name, data())
        assert [len(images) for images in (*splits.train, *splits.validation)] == [2, 2, 2, 2]
        assert (splits.validation[0].pixels == RED).all()


@pytest.mark.parametrize("empty", ["trainB", "B", "horse"])
def test_an_empty_domain_is_named(tmp_path: Path, empty: str) -> None:
    fill(tmp_path / {"trainB": "trainA", "B": "A", "horse": "cow"}[empty], 5, RED)
    (tmp_path / empty).mkdir()
    with pytest.raises(TrainingError, match="domain 'horse': 0 to train on, 0 to check with: both"):
        domain_splits(tmp_path, data())


def test_a_single_image_cannot_be_divided(tmp_path: Path) -> None:
    fill(tmp_path / "A", 5, RED)
    fill(tmp_path / "B", 1, GREEN)
    with pytest.raises(TrainingError, match="domain 'horse': 1 to train on, 0 to check with"):
        domain_splits(tmp_path, data())


def test_a_missing_side_and_pictures_without_domains_are_named(tmp_path: Path) -> None:
    fill(tmp_path / "half" / "trainA", 2, RED)
    with pytest.raises(TrainingError, match="there is neither a folder trainB nor a folder B"):
        domain_splits(tmp_path / "half", data())
    fill(tmp_path / "flat", 2, RED)
    with pytest.raises(TrainingError, match="expected in folders trainA and trainB, A and B, or cow and horse"):
        domain_splits(tmp_path / "flat", data())
    with pytest.raises(TrainingError, match="nowhere: there is no such folder"):
        domain_splits(tmp_path / "nowhere", data())


@pytest.mark.parametrize("classes", [("cow",), ("cow", "horse", "sheep"), ("cow", "cow")])
def test_two_domains_have_two_names(tmp_path: Path, classes: tuple[str, ...]) -> None:
    with pytest.raises(TrainingError, match=r"data\.classes = \['cow'.*\]: two domains have two names"):
        domain_splits(tmp_path, data(*classes))


def test_scaling_does_not_alias(tmp_path: Path) -> None:
    """A fine chequerboard becomes grey: OpenCV's bicubic would keep some of its squares."""
    board = (np.indices((100, 120)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for side in ("A", "B"):
        for number in range(2):
            (tmp_path / side).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / side / f"{number}.png"), board)
    shown = domain_splits(tmp_path, data()).train[0].pixels.astype(int)
    assert np.abs(shown - 127).max() <= 2
