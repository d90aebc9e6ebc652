"""Annotated images as batches: whose boxes, in which order, how often."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.squares import COLOURS, draw_squares
from training import detection_data
from training.augment import Augmentation
from training.data.annotations import AnnotatedImage, LabelledBox
from training.detection_data import LetterboxedImages, Order, TrainingBatches, TrainingImages, held_out_batches
from training.errors import TrainingError
from training.recipe import Augment

CLASSES = tuple(COLOURS)


def batches(images: list[AnnotatedImage], workers: int = 0, *, mosaic: float = 0.5) -> TrainingBatches:
    varied = TrainingImages(LetterboxedImages(images, CLASSES, 64), Augmentation(Augment(mosaic=mosaic), 64), seed=5)
    return TrainingBatches(varied, Order(images=len(images), batch=2, seed=5), workers)


def test_boxes_lie_on_their_squares_after_every_variation(tmp_path: Path) -> None:
    for batch in batches(draw_squares(tmp_path, 8)).epoch(0):
        for image, target in zip(batch.images, batch.targets, strict=True):
            assert len(target["boxes"])
            for box, label in zip(target["boxes"], target["labels"], strict=True):
                x, y = ((box[:2] + box[2:]) / 2).long().tolist()
                # colours are varied by up to 0.3 each way; the largest of three stays the largest
                assert int(image[:, y, x].argmax()) == int(label)


def test_an_epoch_is_the_same_each_time_and_from_any_step_on(tmp_path: Path) -> None:
    images = draw_squares(tmp_path, 8)
    first, again, rest = (list(batches(images).epoch(3, start)) for start in (0, 0, 2))
    other = next(batches(images).epoch(4))
    for one, two in zip(first, again, strict=True):
        assert one.files == two.files
        assert torch.equal(one.images, two.images)
    assert [batch.files for batch in rest] == [batch.files for batch in first[2:]]
    assert torch.equal(rest[0].images, first[2].images)
    assert not torch.equal(other.images, first[0].images)


def test_a_worker_process_gives_the_same_and_its_complaints_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw_squares(tmp_path, 4)
    alone, helped = next(batches(images).epoch(0)), next(batches(images, workers=1).epoch(0))
    assert torch.equal(alone.images, helped.images)
    monkeypatch.setattr(detection_data, "MOST_CACHE_BYTES", 0)  # images are decoded when they are needed
    late = batches(images, workers=1)
    for image in images:
        image.file.unlink()
    with pytest.raises(TrainingError, match=r"^\S+/00\d.png is missing, or no image that OpenCV can read$"):
        next(late.epoch(0))


def test_images_that_do_not_fit_into_the_memory_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_squares(tmp_path, 4)
    kept = next(batches(images).epoch(0))
    monkeypatch.setattr(detection_data, "MOST_CACHE_BYTES", 0)
    assert torch.equal(next(batches(images).epoch(0)).images, kept.images)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 3), st.integers(0, 9))
def test_an_epoch_shows_no_image_twice_before_it_has_shown_all(images: int, batch: int, most: int, epoch: int) -> None:
    order = Order(images, 2 * batch, seed=1, most_steps=most)
    both = [Order(images, 2 * batch, 1, most, process, 2) for process in (0, 1)]
    numbers = [key[2] for keys in order.keys(epoch) for key in keys]
    assert len(numbers) == order.steps * 2 * batch
    assert len(set(numbers)) == min(images, len(numbers))
    shared = zip(*(each.keys(epoch) for each in both), strict=True)
    assert [key for one, other in shared for key in (*one, *other)] == [k for keys in order.keys(epoch) for k in keys]


def test_a_batch_must_be_shared_equally() -> None:
    with pytest.raises(TrainingError, match=r"loop.batch = 5 cannot be shared equally by 2 processes"):
        Order(10, 5, seed=0, processes=2)


def test_held_out_images_are_as_a_server_sees_them(tmp_path: Path) -> None:
    images = draw_squares(tmp_path, 5)
    held_out = LetterboxedImages(images, CLASSES, 96)
    whole = list(held_out_batches(held_out, 2, 0, 1))
    assert [batch.files for batch in whole] == [tuple(str(i.file) for i in images[n : n + 2]) for n in (0, 2, 4)]
    stored = cv2.imread(str(images[0].file))
    assert stored is not None
    np.testing.assert_array_equal(whole[0].images[0, :, 16:80].permute(1, 2, 0), stored[..., ::-1])
    expected = np.array([box.edges for box in images[0].boxes]) + np.array((0, 16, 0, 16))
    np.testing.assert_array_equal(whole[0].targets[0]["boxes"], expected)
    parts = [[batch.files for batch in held_out_batches(held_out, 2, process, 2)] for process in (0, 1)]
    assert sorted(sum(parts, [])) == [batch.files for batch in whole]  # noqa: RUF017 - two short lists


def test_difficult_boxes_are_not_learned_from_and_do_not_count(tmp_path: Path) -> None:
    image = draw_squares(tmp_path, 1)[0]
    hard = replace(image.boxes[0], difficult=True)
    images = LetterboxedImages([replace(image, boxes=(hard, *image.boxes[1:]))], CLASSES, 96)
    assert images.sample(0).labels.tolist() == [1, 2]
    assert images.target(0)["iscrowd"].tolist() == [1, 0, 0]


def test_what_does_not_fit_its_annotation_is_named(tmp_path: Path) -> None:
    image = draw_squares(tmp_path, 1)[0]
    with pytest.raises(TrainingError, match=r"000.png has 96 x 64 pixels, but its annotation says 64 x 96"):
        LetterboxedImages([replace(image, width=64, height=96)], CLASSES, 32)
    with pytest.raises(TrainingError, match=r"000.png: the label 'hat' is none of data.classes: without_mask, "):
        LetterboxedImages([replace(image, boxes=(LabelledBox("hat", (0, 0, 9, 9)),))], CLASSES, 32)
