"""Rendered sets: made once, complete after an interruption, and never shared between training and validation."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.rendered import rendered_set, set_folder, split_seeds
from training.data.voc import read_voc
from training.errors import TrainingError
from training.recipe import Data
from training.render.scenes import render_scene

CLASSES = ("without_mask", "with_mask", "mask_weared_incorrect")


def data(**changes: object) -> Data:
    table = {"source": "masks", "classes": CLASSES, "train": 3, "validation": 2, "width": 64, "height": 48, "seed": 5}
    return Data.model_validate(table | changes)


def test_a_set_is_rendered_once_and_read_from_then_on(tmp_path: Path) -> None:
    first = rendered_set(data(), "train", tmp_path)
    written = {image.file: image.file.stat().st_mtime_ns for image in first}
    assert rendered_set(data(), "train", tmp_path) == first
    assert {image.file: image.file.stat().st_mtime_ns for image in first} == written
    assert [(image.width, image.height) for image in first] == [(64, 48)] * 3


def test_pixels_and_boxes_are_those_of_the_seed(tmp_path: Path) -> None:
    images = rendered_set(data(), "train", tmp_path)
    for seed, image in zip((5, 6, 7), images, strict=True):
        pixels, boxes = render_scene(seed, 64, 48)
        assert image.boxes == boxes
        stored = cv2.imread(str(image.file))
        assert stored is not None
        # JPEG of quality 95 changes a pixel of a photograph by 2 on average; swapped colours would change it by tens
        assert np.abs(stored[:, :, ::-1].astype(int) - pixels).mean() < 4


def test_an_interrupted_rendering_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = rendered_set(data(), "train", tmp_path)
    kept = first[0].file.stat().st_mtime_ns
    (first[1].file.parents[1] / "annotations" / f"{first[1].file.stem}.xml").unlink()
    first[1].file.write_bytes(b"half a file")
    assert rendered_set(data(), "train", tmp_path) == first
    assert first[0].file.stat().st_mtime_ns == kept


def test_more_images_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    first = rendered_set(data(train=1), "train", tmp_path)
    assert rendered_set(data(), "train", tmp_path)[:1] == first
    assert rendered_set(data(train=1), "train", tmp_path) == first


def test_several_processes_render_the_same_set(tmp_path: Path) -> None:
    alone = [
        image.boxes for seed in range(5, 21) for image in rendered_set(data(seed=seed, train=1), "train", tmp_path)
    ]
    together = rendered_set(data(train=16), "train", tmp_path / "together")
    assert [image.boxes for image in together] == alone


def test_the_set_is_a_pascal_voc_folder(tmp_path: Path) -> None:
    images = rendered_set(data(), "validation", tmp_path)
    assert list(read_voc(set_folder(data(), tmp_path) / "validation", classes=CLASSES, strict=True).images) == images


def test_no_validation_seed_can_be_a_training_seed_of_any_recipe() -> None:
    training = [split_seeds(data(seed=seed, train=2**29), "train") for seed in (0, 1, 2**29)]
    validation = [split_seeds(data(seed=seed, validation=2**29), "validation") for seed in (0, 1, 2**29)]
    assert max(seeds[-1] for seeds in training) < min(seeds[0] for seeds in validation)
    for seed in (-1, 2**30):
        with pytest.raises(TrainingError, match=f"data.seed = {seed}: must be at least 0"):
            split_seeds(data(seed=seed), "train")


def test_what_an_image_depends_on_is_in_the_folders_name(tmp_path: Path) -> None:
    changes: list[dict[str, int]] = [{}, {"seed": 6}, {"width": 65}, {"height": 49}]
    assert len({set_folder(data(**change), tmp_path) for change in changes}) == 4
    assert set_folder(data(train=9, validation=9), tmp_path) == set_folder(data(), tmp_path)


def test_an_unknown_renderer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no renderer 'dogs'; there are masks"):
        rendered_set(data(source="dogs"), "train", tmp_path)
