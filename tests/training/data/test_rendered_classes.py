"""Rendered images with classes: made once, shared by recipes, and never both trained on and checked with."""

from pathlib import Path

import numpy as np
import pytest

from training.data.rendered_classes import draw, rendered_splits
from training.data.stratified import stratified
from training.errors import TrainingError
from training.recipe import Data
from training.render.construction import render_construction

KINDS = ("banana", "plum", "kiwi")


def fruits(**changes: object) -> Data:
    table = {"source": "fruits", "classes": KINDS, "train": 4, "validation": 3, "width": 16, "height": 16, "seed": 5}
    return Data.model_validate(table | changes)


def test_images_are_those_of_their_seeds_and_classes_take_turns(tmp_path: Path) -> None:
    splits = rendered_splits(fruits(), tmp_path)
    assert splits.train.labels.tolist() == [0, 1, 2, 0]
    assert splits.validation.labels.tolist() == [0, 1, 2]
    assert list(splits.train.names) == ["seed 5", "seed 6", "seed 7", "seed 8"]
    assert not set(splits.train.names) & set(splits.validation.names)
    for number, seed in enumerate(range(5, 9)):
        pixels, kind = draw(fruits(), (number, seed))
        assert (splits.train.pixels[number] == pixels).all()
        assert splits.train.classes[splits.train.labels[number]] == kind


def test_what_is_there_is_kept_and_only_the_rest_is_rendered(tmp_path: Path) -> None:
    rendered_splits(fruits(), tmp_path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(files) == 2
    rendered_splits(fruits(train=2, validation=1), tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == files
    more = rendered_splits(fruits(train=6), tmp_path)
    assert set(tmp_path.iterdir()) == set(files)
    assert more.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    afresh = rendered_splits(fruits(train=6), tmp_path / "afresh")
    assert (more.train.pixels == afresh.train.pixels).all()


def test_other_sizes_channels_and_classes_are_other_sets(tmp_path: Path) -> None:
    rendered_splits(fruits(), tmp_path)
    grey = rendered_splits(fruits(channels=1), tmp_path)
    assert grey.train.pixels.shape == (4, 16, 16, 1)
    assert rendered_splits(fruits(classes=KINDS[:2]), tmp_path).train.counts() == {"banana": 2, "plum": 2}
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"source": "stones"}, "there is no renderer 'stones'; there are fruits, "),
        ({"classes": ("kiwi", "pineapple")}, "'fruits' have no class 'pineapple'; there are apple_red"),
        ({"seed": 2**30 - 3}, "data.seed = 1073741821: must be"),
    ],
)
def test_what_cannot_be_rendered_is_named(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        rendered_splits(fruits(**changes), tmp_path)


def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    rendered_splits(fruits(), tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"fruits-\w+\.npz is damaged .*: remove it"):
        rendered_splits(fruits(), tmp_path)


@pytest.mark.parametrize("count", [0, 1, 7, 12, 20])
def test_a_share_has_its_part_of_every_class(count: int) -> None:
    labels = np.array([0] * 10 + [1] * 6 + [2] * 4)
    share = stratified(labels, count, seed=3)
    assert share.sum() == count
    for label, size in enumerate((10, 6, 4)):
        assert abs(share[labels == label].sum() - size * count / 20) < 1


def test_scenes_are_sorted_by_what_is_in_them_and_rendered_once(tmp_path: Path) -> None:
    scenes = fruits(source="construction", classes=("site",), train=3, validation=1, width=64, height=64)
    plain = rendered_splits(scenes, tmp_path)
    assert plain.train.counts() == {"site": 3}
    files = sorted(tmp_path.iterdir())
    by_helmets = rendered_splits(
        scenes.model_copy(update={"classes": ("all_with_helmets", "somebody_bareheaded")}), tmp_path
    )
    assert sorted(tmp_path.iterdir()) == files
    assert (by_helmets.train.pixels == plain.train.pixels).all()
    bare = [any(box.label == "head" for box in render_construction(seed, 64, 64)[1]) for seed in (5, 6, 7)]
    assert by_helmets.train.labels.tolist() == bare
