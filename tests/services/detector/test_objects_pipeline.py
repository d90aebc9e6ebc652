"""What Detect does with arrays: where candidates lie, which of them count."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detector.pipeline import (
    MOST_CANDIDATES,
    Choice,
    Objects,
    choose_objects,
    letterboxed,
    objects_in_original,
)
from services.runtime.geometry import letterbox
from services.runtime.images import DecodedImage

USUAL = Choice(least_score=0.5, iou_threshold=0.45, limit=300, labels=())


def choice(**changes: Any) -> Choice:
    return replace(USUAL, **changes)


def candidates(*rows: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows], np.float32), np.array([row[1] for row in rows], np.float32)


def objects(*boxes: tuple[float, ...], scores: Any = None) -> Objects:
    count = len(boxes)
    scores = np.ones(count) if scores is None else np.array(scores)
    zeros = np.zeros(count, np.int64)
    return Objects(np.array(boxes, np.float32), scores.astype(np.float32), np.arange(count), zeros)


def image(width: int, height: int, *, decoded: tuple[int, int] | None = None) -> DecodedImage:
    columns, rows = decoded or (width, height)
    pixels = np.zeros((rows, columns, 3), np.uint8)
    return DecodedImage(pixels, width, height, max(rows, columns) / max(width, height))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 8), st.data())
def test_a_box_of_the_original_comes_back_from_the_letterbox(
    width: int, height: int, reduction: int, data: st.DataObject
) -> None:
    decoded = (-(-width // reduction), -(-height // reduction))  # a JPEG at a fraction: rounded up, as libjpeg does
    fitted = letterboxed(image(width, height, decoded=decoded), 64, 48)
    x_min, y_min = data.draw(st.floats(0, width - 0.5)), data.draw(st.floats(0, height - 0.5))
    box = (x_min, y_min, data.draw(st.floats(x_min + 0.4, width)), data.draw(st.floats(y_min + 0.4, height)))
    inside = fitted.placement.to_letterbox(np.array([box]))
    found = objects_in_original(objects(*map(tuple, inside)), fitted)
    # float32 holds positions up to 300 to 2e-5, and the letterbox may shrink them 300 times
    assert found.boxes.tolist() == [pytest.approx(box, abs=0.01)]


def test_the_letterbox_has_the_pixels_of_the_training_sides_letterbox() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, 120, 3), np.uint8)
    fitted = letterboxed(DecodedImage(pixels, 120, 50, 1.0), 64, 64)
    assert (fitted.pixels == letterbox(pixels, 64, 64)[0]).all()
    assert (fitted.pixels[0, 0] == 114).all()


def test_objects_end_at_the_edges_of_the_original_and_those_beside_it_are_left_out() -> None:
    fitted = letterboxed(image(100, 50), 64, 64)  # 32 rows, from row 16 on
    found = objects_in_original(objects((-5, 10, 32, 70), (0, 0, 64, 16)), fitted)
    assert found.boxes.tolist() == [[0, 0, 50, 50]]


def test_a_candidate_counts_for_every_label_that_it_reaches_and_overlap_matters_within_a_label() -> None:
    boxes, scores = candidates(((0, 0, 10, 10), (0.9, 0.6)), ((0, 0, 10, 11), (0.8, 0.7)), ((20, 0, 30, 9), (0.5, 0)))
    found = choose_objects(boxes, scores, choice())
    assert list(zip(found.labels.tolist(), found.scores.round(2).tolist(), strict=True)) == [
        (0, pytest.approx(0.9)),
        (1, pytest.approx(0.7)),
        (0, pytest.approx(0.5)),
    ]


def test_only_the_labels_that_are_wanted_count() -> None:
    boxes, scores = candidates(((0, 0, 9, 9), (0.9, 0.6, 0)), ((20, 0, 29, 9), (0, 0, 0.8)))
    assert choose_objects(boxes, scores, choice(labels=(1, 2))).labels.tolist() == [2, 1]


def test_the_best_are_returned_when_there_are_too_many() -> None:
    boxes, scores = candidates(*(((20 * n, 0, 20 * n + 9, 9), (0.5 + n / 100,)) for n in range(10)))
    assert choose_objects(boxes, scores, choice(limit=3)).scores.tolist() == pytest.approx([0.59, 0.58, 0.57])


def test_a_threshold_of_zero_compares_the_best_candidates_only() -> None:
    generator = np.random.default_rng(0)
    boxes = np.tile(np.array([0, 0, 9, 9], np.float32), (5000, 1))
    scores = generator.random((5000, 2), np.float32)
    found = choose_objects(boxes, scores, choice(least_score=0, iou_threshold=1, limit=9000))
    assert len(found) == MOST_CANDIDATES
    assert found.scores.min() == np.sort(scores.ravel())[-MOST_CANDIDATES]


def test_what_is_not_finite_neither_counts_nor_hides_anything() -> None:
    boxes, scores = candidates(((np.nan, 0, 9, 9), (0.9,)), ((0, 0, 9, 9), (np.nan,)), ((0, 0, 9, 9), (0.7,)))
    assert choose_objects(boxes, scores, choice()).scores.tolist() == pytest.approx([0.7])


def test_nothing_found_is_nothing() -> None:
    found = choose_objects(np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32), USUAL)
    assert len(objects_in_original(found, letterboxed(image(9, 9), 64, 64))) == 0


def test_two_labels_on_one_thing_are_the_better_one() -> None:
    boxes, scores = candidates(
        ((0, 0, 10, 10), (0.6, 0, 0)), ((0, 0, 10, 11), (0, 0.7, 0)), ((0, 0, 10, 30), (0, 0, 0.5))
    )
    assert choose_objects(boxes, scores, choice(one_label=True)).labels.tolist() == [1, 2]
    assert choose_objects(boxes, scores, choice(one_label=True, limit=1)).labels.tolist() == [1]
    assert choose_objects(boxes, scores, choice()).labels.tolist() == [1, 0, 2]


def test_what_is_a_worse_label_of_one_thing_does_not_count_among_the_most() -> None:
    boxes, scores = candidates(((0, 0, 10, 10), (0.9, 0.8, 0.7)), ((20, 0, 30, 10), (0, 0.6, 0)))
    assert choose_objects(boxes, scores, choice(one_label=True, limit=2)).scores.tolist() == pytest.approx([0.9, 0.6])
