from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detector.options import CropOptions
from services.detector.pipeline import MAX_CROP_PIXELS, Faces, choose_faces, cut_faces, faces_in_original
from services.runtime.errors import InvalidInput
from services.runtime.images import DecodedImage

FACES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50), st.integers(-2, 2))
)
RED_GREEN = np.zeros((40, 60, 3), np.uint8)
RED_GREEN[:, :30, 0] = RED_GREEN[:, 30:, 1] = 255


def outputs(rows: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
    boxes = np.array([(x, y, x + width, y + height) for x, y, width, height, _ in rows], np.float32).reshape(-1, 4)
    return {"BOXES": boxes, "SCORES": np.array([row[4] for row in rows], np.float32)}


def faces(*boxes: tuple[float, ...], landmarks: Any = None) -> Faces:
    return Faces(np.array(boxes, np.float32), np.ones(len(boxes), np.float32), landmarks)


def crop(box: tuple[float, ...], *, side: int = 0, margin: float = 0.0) -> Any:
    options = CropOptions(aligned=False, margin=margin, side=side, quality=100)
    jpeg = cut_faces(RED_GREEN, faces(box), options)[0]
    decoded: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return decoded[..., ::-1]


@given(FACES, st.integers(-2, 2))
def test_faces_come_by_falling_score_then_area_and_none_below_the_threshold(
    rows: list[tuple[int, ...]], least: int
) -> None:
    chosen = choose_faces(outputs(rows), least, largest_only=False)
    areas = (chosen.boxes[:, 2] - chosen.boxes[:, 0]) * (chosen.boxes[:, 3] - chosen.boxes[:, 1])
    ranks = list(zip(-chosen.scores, -areas, strict=True))
    assert ranks == sorted(ranks)
    assert len(chosen) == sum(row[4] >= least for row in rows)


@given(FACES, st.integers(-2, 2))
def test_the_largest_face_is_the_largest_of_those_that_count(rows: list[tuple[int, ...]], least: int) -> None:
    largest = choose_faces(outputs(rows), least, largest_only=True)
    areas = [row[2] * row[3] for row in rows if row[4] >= least]
    assert [(box[2] - box[0]) * (box[3] - box[1]) for box in largest.boxes] == ([max(areas)] if areas else [])


def test_boxes_end_at_the_image_but_landmarks_do_not() -> None:
    image = DecodedImage(np.zeros((50, 100, 3), np.uint8), width=200, height=100, scale=0.5)
    points = np.array([[[-5, 10]] * 5], np.float32)
    moved = faces_in_original(faces((-10, -2, 60, 70), landmarks=points), image)
    assert moved.boxes.tolist() == [[0, 0, 120, 100]]
    assert moved.landmarks is not None
    assert moved.landmarks[0, 0].tolist() == [-10, 20]


def test_a_crop_without_a_size_is_the_box_to_whole_pixels_outwards() -> None:
    assert crop((10.2, 5, 20.5, 12)).shape == (7, 11, 3)


def test_the_margin_is_a_fraction_of_the_longer_side() -> None:
    assert crop((20, 10, 30, 30), margin=0.25).shape == (30, 20, 3)


def test_a_crop_without_a_size_stops_at_the_edges_of_the_image() -> None:
    assert crop((0, 0, 60, 40), margin=2).shape == (40, 60, 3)


def test_a_sized_crop_is_square_around_the_middle_of_the_box_and_black_outside() -> None:
    square = crop((0, 10, 60, 30), side=120)
    assert square.shape == (120, 120, 3)
    assert square[:18].max() < 10  # the box is wide: 10 rows above the image
    assert square[60, 10].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert square[60, 110].tolist() == pytest.approx([0, 255, 0], abs=3)
    assert square[102:].max() < 10


@given(st.tuples(*[st.floats(-80, 140)] * 2), st.floats(0.5, 90), st.sampled_from([0, 16, 50]))
def test_any_box_can_be_cut(corner: tuple[float, ...], length: float, side: int) -> None:
    cut = crop((*corner, corner[0] + length, corner[1] + length), side=side, margin=0.25)
    assert cut.shape[:2] == (side, side) if side else min(cut.shape[:2]) >= 1


def test_more_crops_than_fit_into_memory_are_refused() -> None:
    options = CropOptions(aligned=False, margin=0, side=1000, quality=95)
    count = MAX_CROP_PIXELS // 1000**2
    with pytest.raises(InvalidInput, match=f"crops of {count + 1} faces have 51000000 pixels, at most 50000000"):
        cut_faces(RED_GREEN, faces(*[(0, 0, 9, 9)] * (count + 1)), options)
