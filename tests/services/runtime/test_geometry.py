"""Boxes come back from a letterbox, suppression keeps what it must, and overlaps are what they are by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.runtime.geometry import clip_boxes, iou_matrix, letterbox, nms, scale_boxes

sides = st.integers(1, 300)
edges = st.floats(-50, 400, allow_nan=False, width=32)


@st.composite
def some_boxes(draw: st.DrawFn, most: int = 30) -> NDArray[np.float64]:
    corners = draw(st.lists(st.tuples(edges, edges, edges, edges), max_size=most))
    pairs = np.array(corners, np.float64).reshape(-1, 2, 2)
    return np.concatenate((pairs.min(1), pairs.max(1)), axis=1)


@given(width=sides, height=sides, to_width=sides, to_height=sides, boxes=some_boxes())
def test_boxes_survive_the_way_into_a_letterbox_and_back(
    width: int, height: int, to_width: int, to_height: int, boxes: NDArray[np.float64]
) -> None:
    boxed, mapping = letterbox(np.zeros((height, width, 3), np.uint8), to_width, to_height)
    assert boxed.shape == (to_height, to_width, 3)
    np.testing.assert_allclose(mapping.to_original(mapping.to_letterbox(boxes)), boxes, atol=1e-6)
    whole = mapping.to_letterbox(np.array((0.0, 0.0, width, height)))
    assert (whole >= -1e-9).all()
    assert (whole <= np.array((to_width, to_height, to_width, to_height)) + 1e-9).all()


@given(width=st.integers(20, 300), height=st.integers(20, 300), to_width=sides, to_height=sides)
def test_a_letterbox_touches_two_borders_keeps_proportions_and_fills_the_rest(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    boxed, mapping = letterbox(np.full((height, width, 3), 7, np.uint8), to_width, to_height, fill=200)
    left, top, right, bottom = np.rint(mapping.to_letterbox(np.array((0.0, 0.0, width, height)))).astype(int)
    assert (left, right) == (0, to_width) or (top, bottom) == (0, to_height)
    assert abs((right - left) * height - (bottom - top) * width) <= max(width, height)
    inside = np.zeros((to_height, to_width), bool)
    inside[top:bottom, left:right] = True
    assert (boxed[inside] == 7).all()
    assert (boxed[~inside] == 200).all()


def test_a_point_of_the_picture_is_where_the_mapping_says() -> None:
    pixels = np.zeros((200, 100, 3), np.uint8)
    pixels[40:60, 20:40] = 255
    boxed, mapping = letterbox(pixels, 320, 320, fill=0)
    rows, columns = np.nonzero(boxed[..., 0] > 127)
    found = np.array((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), np.float64)
    np.testing.assert_allclose(mapping.to_original(found), (20, 40, 40, 60), atol=0.7)
    np.testing.assert_allclose(mapping.to_letterbox(np.array((50.0, 100.0))), (160, 160))


def test_an_image_of_the_right_size_is_only_copied() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    boxed, mapping = letterbox(pixels, 48, 32)
    np.testing.assert_array_equal(boxed, pixels)
    assert not np.shares_memory(boxed, pixels)
    assert (mapping.scale_x, mapping.scale_y, mapping.left, mapping.top) == (1, 1, 0, 0)


def test_overlaps_are_those_computed_by_hand() -> None:
    first = np.array(((0, 0, 10, 10), (0, 0, 0, 5)), np.float32)
    second = np.array(((0, 0, 10, 10), (5, 5, 15, 15), (10, 0, 20, 10), (2, 2, 4, 4), (0, 0, 0, 5)), np.float32)
    wanted = ((1, 25 / 175, 0, 4 / 100, 0), (0, 0, 0, 0, 0))
    np.testing.assert_allclose(iou_matrix(first, second), wanted)
    assert iou_matrix(first[:0], second).shape == (0, 5)


@given(first=some_boxes(), second=some_boxes())
def test_overlap_is_symmetric_and_at_most_one(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    overlaps = iou_matrix(first, second)
    np.testing.assert_array_equal(overlaps, iou_matrix(second, first).T)
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-12)).all()


@given(boxes=some_boxes(), data=st.data(), threshold=st.sampled_from((0.0, 0.3, 0.5, 0.9)))
def test_suppression_keeps_the_best_and_only_what_overlaps_no_better_one(
    boxes: NDArray[np.float64], data: st.DataObject, threshold: float
) -> None:
    count = len(boxes)
    scores = np.array(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)), np.float32)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    kept = nms(boxes, scores, labels, iou_threshold=threshold)
    assert kept.dtype == np.int64
    assert (np.diff(scores[kept]) <= 0).all()
    overlaps = iou_matrix(boxes, boxes)
    rivals = (overlaps > threshold) & (labels[:, None] == labels[None])
    np.fill_diagonal(rivals, False)
    assert not rivals[np.ix_(kept, kept)].any()
    for dropped in set(range(count)) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[dropped]]
        assert rivals[dropped, better].any()
    np.testing.assert_array_equal(nms(boxes, scores, labels, iou_threshold=threshold, limit=2), kept[:2])
    far = np.arange(300)[:, None] * 2.0 + (1e5, 1e5, 1e5 + 1, 1e5 + 1)  # many boxes are compared in another order
    crowd = np.vstack((boxes, far)), np.append(scores, -np.ones(300)), np.append(labels, np.zeros(300, np.int64))
    np.testing.assert_array_equal(nms(*crowd, iou_threshold=threshold, limit=len(kept)), kept)


@pytest.mark.parametrize("count", [100, 200])
def test_suppression_agrees_with_opencv_within_one_label(count: int) -> None:
    rng = np.random.default_rng(3)
    corner, size = rng.uniform(0, 100, (count, 2)), rng.uniform(5, 60, (count, 2))
    boxes, scores = np.concatenate((corner, corner + size), axis=1), (rng.permutation(count) + 1) / count
    wanted = cv2.dnn.NMSBoxes(np.concatenate((corner, size), axis=1).tolist(), scores.tolist(), 0.0, 0.45)
    kept = nms(boxes, scores, np.zeros(count, np.int64), iou_threshold=0.45)
    np.testing.assert_array_equal(kept, np.asarray(wanted).ravel())


@pytest.mark.parametrize(("width", "height"), [(10, 20), (1, 1)])
def test_boxes_are_clipped_and_scaled(width: int, height: int) -> None:
    boxes = np.array(((-5, -5, 100, 100), (3, 4, 5, 6)), np.float32)
    clipped = clip_boxes(boxes, width, height)
    np.testing.assert_array_equal(clipped[0], (0, 0, width, height))
    np.testing.assert_array_equal(scale_boxes(boxes, 2, 0.5)[1], (6, 2, 10, 3))
