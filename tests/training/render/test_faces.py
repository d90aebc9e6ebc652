from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.render.backgrounds import background
from training.render.faces import Edges, Place, RenderedFace, paint_head, paint_person, render_face
from training.render.head import Light
from training.render.identity import identity
from training.render.look import Look, random_look

FACES = 40
SIDE = 192

looks = st.builds(
    Look,
    mask=st.sampled_from((None, "on", "under_nose", "chin")),
    hat=st.sampled_from((None, "beanie", "cap", "headscarf", "helmet")),
    yaw=st.floats(-0.8, 0.8),
    pitch=st.floats(-0.25, 0.3),
    roll=st.floats(-0.4, 0.4),
    smile=st.floats(-0.4, 1),
    mouth_open=st.floats(0, 1),
    wear=st.integers(0, 1000),
)


@lru_cache
def hog_detector() -> Any:
    """Made once: making it takes longer than looking at a picture."""
    return dlib.get_frontal_face_detector()


def hog(pixels: NDArray[np.uint8]) -> list[Edges]:
    found = hog_detector()(pixels, 0)
    return [(face.left(), face.top(), face.right() + 1.0, face.bottom() + 1.0) for face in found]


def haar(pixels: NDArray[np.uint8]) -> list[Edges]:
    file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    found = cv2.CascadeClassifier(str(file)).detectMultiScale(grey, scaleFactor=1.05, minNeighbors=3, minSize=(50, 50))
    return [(float(x), float(y), float(x + width), float(y + height)) for x, y, width, height in found]


def overlap(a: Edges, b: Edges) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared)


def recall(faces: list[RenderedFace], detect: Callable[[NDArray[np.uint8]], list[Edges]]) -> float:
    """Share of faces that are found where they are: a detection elsewhere does not count.

    Detectors leave out the forehead, a fourth of our box, so an overlap of 0.4 is a hit.
    """
    return sum(any(overlap(box, face.box) > 0.4 for box in detect(face.pixels)) for face in faces) / len(faces)


@pytest.fixture(scope="module")
def frontal() -> list[RenderedFace]:
    return [render_face(identity(seed), Look(wear=seed), SIDE, seed=seed) for seed in range(FACES)]


def test_dlibs_detector_takes_rendered_faces_for_real_ones(frontal: list[RenderedFace]) -> None:
    # Trained on photographs, it may miss a few drawn faces: sunglasses and fringes first.
    # All of 120 were found in enlarged pictures.
    assert recall(frontal, hog) >= 0.85


def test_the_haar_cascade_takes_rendered_faces_for_real_ones(frontal: list[RenderedFace]) -> None:
    # It compares grey levels of eyes, cheeks and forehead, which side light changes. 119 of 120 were found.
    assert recall(frontal, haar) >= 0.70


def test_real_detectors_find_next_to_nothing_where_nobody_is() -> None:
    places = [background(np.random.default_rng(seed), SIDE, SIDE) for seed in range(FACES)]
    pixels = [np.asarray(np.clip(place, 0, 1) * 255, np.uint8) for place in places]
    # Clutter may look like a face to a Haar cascade once in a while; were it often, recall would mean nothing.
    assert sum(bool(hog(picture)) for picture in pixels) <= 0.05 * FACES
    assert sum(bool(haar(picture)) for picture in pixels) <= 0.15 * FACES


def test_what_makes_real_faces_hard_for_the_detector_makes_rendered_ones_hard() -> None:
    people = [(identity(seed), Look(wear=seed), seed) for seed in range(20)]
    turned = [render_face(person, replace(look, yaw=0.9), SIDE, seed=seed) for person, look, seed in people]
    on_side = [render_face(person, replace(look, roll=np.pi / 2), SIDE, seed=seed) for person, look, seed in people]
    # On 120 enlarged pictures: 0.13 and 0.00; a frontal detector that found them would see something else than faces.
    assert recall(turned, hog) <= 0.4
    assert recall(on_side, hog) <= 0.1


@given(looks, st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_landmarks_lie_inside_the_box(look: Look, seed: int) -> None:
    face = render_face(identity(seed), look, 96, seed=seed)
    x_min, y_min, x_max, y_max = face.box
    # The nose of a face in profile reaches out of the outline by less than 5 % of the face.
    slack = 0.05 * (y_max - y_min)
    assert (face.landmarks > np.array((x_min, y_min)) - slack).all()
    assert (face.landmarks < np.array((x_max, y_max)) + slack).all()


def test_landmarks_are_in_dlibs_order() -> None:
    points = render_face(identity(3), Look(), SIDE).landmarks
    outer_right, inner_right, outer_left, inner_left, nose = points
    assert outer_right[0] > inner_right[0] > nose[0] > inner_left[0] > outer_left[0]
    assert nose[1] > points[:4, 1].max()


def test_dlibs_own_landmarks_agree_with_the_known_ones() -> None:
    spec = find_spec("face_recognition_models")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "models" / "shape_predictor_5_face_landmarks.dat"
    predictor, distances = dlib.shape_predictor(str(file)), []
    for seed in range(20):
        person = replace(identity(seed), glasses="none")
        face = render_face(person, Look(wear=seed), SIDE, seed=seed)
        shape = predictor(face.pixels, dlib.rectangle(*(round(edge) for edge in _square(face.box))))
        found = np.array([(shape.part(index).x, shape.part(index).y) for index in range(5)])
        distances.append(np.abs(found - face.landmarks).mean() / (face.box[3] - face.box[1]))
    # The predictor's own error on photographs is about 2 % of the face; drawn lids and nostrils add to it.
    assert np.median(distances) < 0.06


def _square(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The square from brows to chin that dlib's detector would give for a face."""
    middle, half = (box[0] + box[2]) / 2, 0.36 * (box[3] - box[1])
    return middle - half, box[3] - 1.95 * half, middle + half, box[3] + 0.05 * half


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [30, 120])
def test_the_box_is_where_the_face_is_drawn(seed: int, size: int) -> None:
    person = replace(identity(seed), hair_style="bald", glasses="none")
    black, white = (np.full((200, 200, 3), shade, np.float32) for shade in (0, 1))
    for canvas in (black, white):
        face = paint_head(canvas, person, Look(), Place(100.3, 99.6, size), Light())
    # What looks the same before black and white is covered.
    covered = (white - black).max(axis=2) < 0.5
    rows = np.nonzero(covered.any(axis=1))[0]
    level = round(99.6 - 0.25 * size)
    columns = np.nonzero(covered[level])[0]
    near = np.abs(face.outline[:, 1] - level - 0.5) < 0.03 * size
    # An edge between two pixels is found at one of them: half a pixel, and half for the softness of the edge.
    assert rows.min() == pytest.approx(face.box[1], abs=1)
    assert columns.min() == pytest.approx(face.outline[near, 0].min(), abs=1 + 0.01 * size)
    assert columns.max() + 1 == pytest.approx(face.outline[near, 0].max(), abs=1 + 0.01 * size)
    assert face.box[3] - face.box[1] == pytest.approx(size, rel=0.01)


def test_a_turned_face_is_narrower_and_its_nose_points_where_it_turns() -> None:
    front, right, left = (render_face(identity(5), Look(yaw=yaw), SIDE).landmarks for yaw in (0.0, 0.5, -0.5))
    assert left[4, 0] < front[4, 0] - 5 < front[4, 0] + 5 < right[4, 0]
    assert right[0, 0] - right[2, 0] < front[0, 0] - front[2, 0]


def test_a_roll_turns_landmarks_clockwise() -> None:
    points = render_face(identity(5), Look(roll=0.3), SIDE).landmarks
    across = points[0] - points[2]
    assert np.arctan2(across[1], across[0]) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("mask", ["on", "under_nose", "chin"])
def test_a_mask_changes_what_it_covers_and_nothing_above(mask: str) -> None:
    person, place, light = identity(11), Place(100, 100, 120), Light()
    bare, masked = (np.full((200, 200, 3), 0.5, np.float32) for _ in range(2))
    paint_person(bare, person, Look(wear=4), place, light)
    paint_person(masked, person, Look(wear=4, mask=mask), place, light)  # type: ignore[arg-type]
    changed = np.abs(bare - masked).max(axis=2) > 0.02
    rows = (np.nonzero(changed.any(axis=1))[0] - 100) / 120
    assert changed.mean() > 0.01
    eyes = person.eye_y - 0.05
    assert rows.min() > eyes, "the ear loops reach as high as the eyes, and no higher"
    nose = changed[round(100 + 120 * (person.eye_y + 0.17)), 95:105].mean()
    assert (nose > 0.5) == (mask == "on")


def test_a_face_of_any_size_is_painted_without_touching_what_is_around_it() -> None:
    for size in (24, 60, 150):
        canvas = np.full((300, 300, 3), 0.5, np.float32)
        paint_person(canvas, identity(2), random_look(np.random.default_rng(size)), Place(150, 150, size), Light())
        far = round(150 - 1.3 * size) if size < 100 else 2
        assert (canvas[: max(2, far)] == 0.5).all()
        assert np.isfinite(canvas).all()
