"""Crops never leave the image's neighbourhood; aligned faces are upright, and what dlib itself would cut."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from services.runtime.errors import InvalidInput
from services.runtime.geometry import DLIB5_TEMPLATE, align_face, crop
from tests.imagezoo.zoo import picture

Points = NDArray[np.float64]
SIZE = 150


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return np.ascontiguousarray(data.astronaut())  # type: ignore[no-untyped-call]  # skimage has no annotations here


@pytest.fixture(scope="module")
def shape(astronaut: NDArray[np.uint8]) -> dlib.full_object_detection:
    spec = find_spec("face_recognition_models")
    assert spec is not None
    assert spec.submodule_search_locations
    models = Path(spec.submodule_search_locations[0]) / "models"
    predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    return predictor(astronaut, max(dlib.get_frontal_face_detector()(astronaut, 1), key=lambda face: -face.top()))


@pytest.fixture(scope="module")
def face(shape: dlib.full_object_detection) -> Points:
    """The astronaut's five points; dlib puts pixel centres at whole numbers."""
    return np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])


def test_dlib_orders_its_points_as_the_template_says(face: Points) -> None:
    right_outer, right_inner, left_outer, left_inner, nose = face
    assert left_outer[0] < left_inner[0] < right_inner[0] < right_outer[0]
    assert left_inner[0] < nose[0] < right_inner[0]
    assert nose[1] > face[:4, 1].max()


def aligned_points(pixels: NDArray[np.uint8], points: Points) -> Points:
    """Where marks at the points are found in the aligned picture."""
    found = []
    for x, y in points:
        marked = np.zeros_like(pixels)
        cv2.circle(marked, (round(x - 0.5), round(y - 0.5)), 4, (255, 255, 255), -1)
        rows, columns = np.nonzero(align_face(marked, points, SIZE)[..., 0] > 127)
        found.append((columns.mean() + 0.5, rows.mean() + 0.5))
    return np.array(found)


def test_the_points_of_an_aligned_face_lie_on_the_template(astronaut: NDArray[np.uint8], face: Points) -> None:
    wanted = (DLIB5_TEMPLATE + 0.25) / 1.5 * SIZE
    assert np.abs(aligned_points(astronaut, face) - wanted).max() < 5


def test_an_aligned_face_is_the_chip_that_dlib_cuts(
    astronaut: NDArray[np.uint8], shape: dlib.full_object_detection, face: Points
) -> None:
    wanted = dlib.get_face_chip(astronaut, shape, size=SIZE, padding=0.25).astype(int)
    assert np.abs(align_face(astronaut, face, SIZE) - wanted).mean() < 3


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_a_turned_face_gives_the_same_picture(astronaut: NDArray[np.uint8], face: Points, turn: int) -> None:
    side = astronaut.shape[0]
    x, y = face.T
    moved = {
        cv2.ROTATE_90_CLOCKWISE: (side - y, x),
        cv2.ROTATE_180: (side - x, side - y),
        cv2.ROTATE_90_COUNTERCLOCKWISE: (y, side - x),
    }[turn]
    turned = np.asarray(cv2.rotate(astronaut, turn), np.uint8)
    upright = align_face(astronaut, face, SIZE).astype(int)
    assert np.abs(align_face(turned, np.stack(moved, axis=1), SIZE) - upright).mean() < 1


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_larger_face_gives_the_same_picture_without_aliasing(
    astronaut: NDArray[np.uint8], face: Points, factor: int
) -> None:
    large = np.asarray(cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    small = align_face(astronaut, face, 64).astype(int)
    assert np.abs(align_face(large, face * factor, 64) - small).mean() < 2


def test_what_lies_outside_the_image_is_filled(astronaut: NDArray[np.uint8], face: Points) -> None:
    corner = face - face.mean(0)
    chip = align_face(astronaut, corner, SIZE, fill=255)
    assert (chip[:40, :40] == 255).all()
    assert (chip[-30:, -30:] != 255).any()


def test_a_very_long_image_can_be_aligned() -> None:
    points = DLIB5_TEMPLATE * 60_000
    assert align_face(np.full((4, 60_000, 3), 9, np.uint8), points * (1, 1e-4), SIZE).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("landmarks", "sentence"),
    [
        (np.zeros((4, 2)), r"landmarks have shape \(4, 2\)"),
        (np.full((5, 2), np.nan), "5 points nearer than"),
        (np.full((5, 2), 1e300), "5 points nearer than"),
        (np.full((5, 2), 3.0), "landmarks lie in one place"),
        (DLIB5_TEMPLATE * 30 + 5000, "landmarks lie far from the image of 45x29 pixels"),
    ],
)
def test_landmarks_that_are_no_face_are_refused(landmarks: Points, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        align_face(picture(), landmarks, SIZE)
    assert refusal.value.field == "landmarks"


@given(landmarks=st.lists(st.tuples(*[st.floats(-1e7, 1e7)] * 2), min_size=5, max_size=5))
def test_any_landmarks_give_a_picture_or_a_refusal(landmarks: list[tuple[float, float]]) -> None:
    try:
        chip = align_face(picture(), np.array(landmarks), 16)
    except InvalidInput:
        return
    assert chip.shape == (16, 16, 3)
    assert chip.dtype == np.uint8


def test_a_crop_inside_the_image_is_a_copy_of_it() -> None:
    pixels = picture()
    cut = crop(pixels, (3, 4, 10, 9))
    np.testing.assert_array_equal(cut, pixels[4:9, 3:10])
    assert not np.shares_memory(cut, pixels)


def test_a_crop_grows_outwards_to_whole_pixels_and_fills_what_is_missing() -> None:
    pixels = picture()
    cut = crop(pixels, (-1.5, 20.25, 8.5, 30.25), margin=0.1, fill=77)
    assert cut.shape == (32 - 19, 10 + 3, 3)
    np.testing.assert_array_equal(cut[: 29 - 19, 3:], pixels[19:29, :10])
    assert (cut[:, :3] == 77).all()
    assert (cut[29 - 19 :] == 77).all()


@given(box=st.tuples(*[st.floats(width=32)] * 4), margin=st.floats(0, 2))
def test_any_box_gives_a_small_crop_or_a_refusal(box: tuple[float, ...], margin: float) -> None:
    try:
        cut = crop(picture(), box, margin=margin)
    except InvalidInput as refusal:
        assert refusal.args[0].startswith("box (")  # noqa: PT017 - either outcome is right
        return
    assert 0 < cut.shape[0] * cut.shape[1] <= 4 * 45 * 29
    assert cut.flags.c_contiguous


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ((5, 5, 5, 9), r"box \(5, 5, 5, 9\) is empty or not finite"),
        ((float("nan"), 0, 1, 1), "is empty or not finite"),
        ((45, 0, 60, 10), "lies beside the image of 45x29 pixels"),
        ((-1e9, -1e9, 1e9, 1e9), r"needs a crop of 2e\+09x2e\+09 pixels from an image of 45x29"),
    ],
)
def test_a_box_that_cannot_be_cut_is_refused(box: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        crop(picture(), box)
    assert refusal.value.field == "box"
