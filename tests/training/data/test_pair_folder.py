"""Pairs from outside: as the public maps come, in two folders, or made of photographs."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.derived import edges, grey
from training.data.pair_folder import paired_splits
from training.errors import TrainingError
from training.recipe import Data

RED, GREEN = (200, 40, 30), (20, 180, 60)


def data(source: str = "maps", size: int = 16, seed: int = 1) -> Data:
    table = {"source": source, "classes": ("aerial", "map"), "train": 1, "validation": 1, "seed": seed}
    return Data.model_validate(table | {"width": size, "height": size})


def pair(file: Path, width: int = 80, height: int = 40) -> None:
    """Red on the left, green on the right."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED[::-1], GREEN[::-1]
    assert cv2.imwrite(str(file), pixels)


def single(file: Path, colour: tuple[int, int, int] = RED, width: int = 40, height: int = 40) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), np.full((height, width, 3), colour[::-1], np.uint8))


def test_the_public_maps_are_cut_in_the_middle_and_scaled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        pair(tmp_path / "train" / f"{number}.png", 120, 60)
    pair(tmp_path / "val" / "1.png", 120, 60)
    splits = paired_splits(tmp_path, data())
    assert (len(splits.train), len(splits.validation)) == (3, 1)
    assert splits.train.inputs.shape == (3, 16, 16, 3)
    assert (splits.train.inputs == RED).all()
    assert (splits.train.targets == GREEN).all()
    assert list(splits.train.names) == ["0.png", "1.png", "2.png"]
    assert "3 pairs to train on and 1 to check with, scaled to 16 x 16" in capsys.readouterr().err


def test_pairs_without_splits_are_divided_by_the_seed(tmp_path: Path) -> None:
    for number in range(10):
        pair(tmp_path / f"{number}.jpg")
    splits = [paired_splits(tmp_path, data(seed=seed)) for seed in (1, 1, 2)]
    assert [len(part.validation) for part in splits] == [2, 2, 2]
    assert splits[0].validation.names == splits[1].validation.names
    assert not set(splits[0].train.names) & set(splits[0].validation.names)
    assert len({tuple(part.validation.names) for part in splits}) == 2


def test_two_folders_are_paired_by_name(tmp_path: Path) -> None:
    for number in range(5):
        single(tmp_path / "A" / f"{number}.png")
        single(tmp_path / "B" / f"{number}.jpg", GREEN)
    splits = paired_splits(tmp_path, data())
    assert (len(splits.train), len(splits.validation)) == (4, 1)
    assert (splits.train.inputs == RED).all()
    assert np.abs(splits.train.targets.astype(int) - GREEN).max() <= 3  # JPEG


def test_folders_may_be_named_as_the_sides_and_have_splits(tmp_path: Path) -> None:
    for side, colour in (("Aerial", RED), ("map", GREEN)):
        for split in ("train", "test"):
            single(tmp_path / side / split / "1.png", colour)
    splits = paired_splits(tmp_path, data())
    assert (len(splits.train), len(splits.validation)) == (1, 1)
    assert (splits.validation.targets == GREEN).all()


@pytest.mark.parametrize("source", ["edges", "colorize"])
def test_of_photographs_the_recipe_makes_the_pairs(tmp_path: Path, source: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8)
    for number, picture in enumerate(noise):
        (tmp_path / "photos").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), picture)
    splits = paired_splits(tmp_path / "photos", data(source, size=32))
    make = edges if source == "edges" else grey
    for given, wanted in zip(splits.train.inputs, splits.train.targets, strict=True):
        assert (given == make(wanted)).all()


def test_an_unreadable_image_is_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        pair(tmp_path / f"{number}.png")
    (tmp_path / "9.png").write_bytes(b"no picture")
    splits = paired_splits(tmp_path, data())
    assert len(splits.train) + len(splits.validation) == 4
    assert "9.png: unreadable image: skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ([(80, 40), (81, 40)], r"1\.png: 81 x 40 pixels cannot be cut into two halves of one width"),
        ([(80, 40), (80, 40), (40, 40)], r"2\.png: 40 x 40 pixels, where other pairs of this set have 80 x 40: is it"),
        ([(80, 40)], "1 to train on, 0 to check with: a set needs at least one pair of each"),
        ([], "there is no image in it, nor in folders train, val or test below it"),
    ],
)
def test_what_is_no_pair_is_named_with_its_size(tmp_path: Path, sizes: list[tuple[int, int]], complaint: str) -> None:
    for number, (width, height) in enumerate(sizes):
        pair(tmp_path / f"{number}.png", width, height)
    with pytest.raises(TrainingError, match=complaint):
        paired_splits(tmp_path, data())


def test_partners_need_one_size_and_both_have_to_be_there(tmp_path: Path) -> None:
    single(tmp_path / "A" / "1.png")
    single(tmp_path / "B" / "1.png", GREEN, width=44)
    with pytest.raises(
        TrainingError, match=r"A/1\.png has 40 x 40 pixels and .*B/1\.png 44 x 40: the images of a pair"
    ):
        paired_splits(tmp_path, data())
    single(tmp_path / "B" / "2.png", GREEN)
    with pytest.raises(TrainingError, match=r"B/2\.png: there is no image of this name in .*A: it is no pair"):
        paired_splits(tmp_path, data())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no-such-place: there is no such folder"):
        paired_splits(tmp_path / "no-such-place", data())


def test_edges_are_lines_where_brightness_changes_and_dull_pictures_have_them_too() -> None:
    picture = np.full((32, 32, 3), 100, np.uint8)
    picture[:, 16:] = 110
    drawn = edges(picture)
    assert set(np.unique(drawn)) == {0, 255}
    assert (drawn[4:-4, 13:19, 0] == 0).any(axis=1).all(), "one line from top to bottom"
    assert (drawn[:, :12] == 255).all()
    assert (drawn[:, 20:] == 255).all()
    assert (edges(np.full((16, 16, 3), 70, np.uint8)) == 255).all(), "nothing changes, nothing is drawn"
