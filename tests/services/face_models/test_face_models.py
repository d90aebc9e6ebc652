"""The four models through the real runtime, against the libraries that they wrap."""

from typing import Any

import cv2
import dlib
import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from tests.photographs import astronaut

EYES_AND_NOSE = [(255, 104), (236, 106), (195, 102), (213, 104), (224, 135)]
"""Noted by hand: the corners of the eyes as dlib orders them (outer, inner, outer, inner), and the base of the nose."""


@pytest.fixture(scope="module")
def photograph() -> Any:
    bgr: Any = cv2.imread(str(astronaut()))
    return np.ascontiguousarray(bgr[..., ::-1])


def int32(value: int) -> np.ndarray:
    return np.array([value], np.int32)


def fp32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_hog_gives_the_outer_edges_of_dlibs_inclusive_rectangles(infer: Any, photograph: Any) -> None:
    outputs = infer("face_hog", IMAGE=photograph, UPSAMPLE=int32(1), THRESHOLD=fp32(-0.5))
    rectangles, scores, sub_detectors = dlib.get_frontal_face_detector().run(photograph, 1, -0.5)
    assert len(rectangles) > 1
    sides = [(box[2] - box[0], box[3] - box[1]) for box in outputs["BOXES"]]
    assert sides == [(rectangle.width(), rectangle.height()) for rectangle in rectangles]
    assert outputs["BOXES"][:, :2].tolist() == [[rectangle.left(), rectangle.top()] for rectangle in rectangles]
    assert outputs["SCORES"].tolist() == np.float32(scores).tolist()
    assert outputs["SUB_DETECTOR"].tolist() == list(sub_detectors)


def test_haar_uses_the_options_of_the_research_unless_told_otherwise(infer: Any, photograph: Any) -> None:
    default = infer("face_haar", IMAGE=photograph)
    same = infer("face_haar", IMAGE=photograph, SCALE_FACTOR=fp32(1.2), MIN_NEIGHBOURS=int32(20), MIN_SIZE=int32(60))
    looser = infer("face_haar", IMAGE=photograph, SCALE_FACTOR=fp32(1.05), MIN_NEIGHBOURS=int32(0))
    assert default["BOXES"].tolist() == same["BOXES"].tolist()
    assert default["SCORES"].tolist() == [1.0]
    assert len(looser["BOXES"]) > len(default["BOXES"])
    assert len(infer("face_haar", IMAGE=photograph, MIN_SIZE=int32(200))["BOXES"]) == 0


def test_mmod_finds_the_face_that_it_finds_twice_as_large(infer: Any, photograph: Any) -> None:
    half = photograph[40:200:2, 140:300:2]
    assert len(infer("face_mmod", IMAGE=half)["BOXES"]) == 0
    outputs = infer("face_mmod", IMAGE=half, UPSAMPLE=int32(1))
    assert np.abs(outputs["BOXES"] - [[14, 14, 62, 62]]).max() < 8
    assert outputs["SCORES"][0] > 1


def test_landmarks_lie_on_the_corners_of_the_eyes_and_below_the_nose(infer: Any, photograph: Any) -> None:
    face, edge = [179, 83, 267, 171], [-30, -30, 30, 30]
    landmarks = infer("face_landmarks", IMAGE=photograph, BOXES=fp32(*face, *edge).reshape(2, 4))["LANDMARKS"]
    assert landmarks.shape == (2, 5, 2)
    assert np.abs(landmarks[0] - EYES_AND_NOSE).max() < 4


def test_landmarks_of_no_faces_are_none(infer: Any, photograph: Any) -> None:
    outputs = infer("face_landmarks", IMAGE=photograph, BOXES=np.zeros((0, 4), np.float32))
    assert outputs["LANDMARKS"].shape == (0, 5, 2)


@pytest.mark.parametrize("model", ["face_hog", "face_mmod", "face_haar"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (31, 33)])
def test_an_image_smaller_than_any_face_has_none(infer: Any, model: str, shape: tuple[int, int]) -> None:
    outputs = infer(model, IMAGE=np.full((*shape, 3), 128, np.uint8))
    assert outputs["BOXES"].shape == (0, 4)
    assert outputs["SCORES"].shape == (0,)


BOX_ORDER = r"BOXES\[0\] is \[3.0, 1.0, 2.0, 2.0\]; it must be \[x_min, y_min, x_max, y_max\]"


@pytest.mark.parametrize(
    ("model", "tensors", "complaint"),
    [
        ("face_hog", {"UPSAMPLE": int32(5)}, "UPSAMPLE is 5; it must be 0 to 4"),
        ("face_hog", {"UPSAMPLE": int32(-1)}, "UPSAMPLE is -1; it must be 0 to 4"),
        ("face_hog", {"THRESHOLD": fp32(-1.5)}, "THRESHOLD is -1.5; it must be at least -1.0"),
        ("face_hog", {"THRESHOLD": fp32(np.nan)}, "THRESHOLD is nan; it must be at least -1.0"),
        ("face_mmod", {"UPSAMPLE": int32(5)}, "UPSAMPLE is 5; it must be 0 to 4"),
        ("face_haar", {"SCALE_FACTOR": fp32(1)}, "SCALE_FACTOR is 1.0; it must be 1.01 to 4.0"),
        ("face_haar", {"SCALE_FACTOR": fp32(np.nan)}, "SCALE_FACTOR is nan; it must be 1.01 to 4.0"),
        ("face_haar", {"MIN_NEIGHBOURS": int32(-1)}, "MIN_NEIGHBOURS is -1; it must be 0 to 100"),
        ("face_haar", {"MIN_SIZE": int32(0)}, "MIN_SIZE is 0; it must be 1 to 8192"),
        ("face_landmarks", {"BOXES": fp32(3, 1, 2, 2).reshape(1, 4)}, BOX_ORDER),
        ("face_landmarks", {"BOXES": fp32(0, 0, np.inf, 2).reshape(1, 4)}, "within 1048576 of 0"),
    ],
)
def test_an_option_out_of_range_is_the_callers_mistake_and_named(
    infer: Any, model: str, tensors: dict[str, np.ndarray], complaint: str
) -> None:
    with pytest.raises(InferenceServerException, match=complaint) as caught:
        infer(model, IMAGE=np.zeros((64, 64, 3), np.uint8), **tensors)
    assert "INVALID_ARGUMENT" in caught.value.status()


@pytest.mark.parametrize(("model", "side"), [("face_mmod", 2049), ("face_hog", 513)])
def test_a_search_that_could_take_the_machine_down_is_refused(infer: Any, model: str, side: int) -> None:
    upsample = 4 if model == "face_hog" else 0
    with pytest.raises(InferenceServerException, match=f"IMAGE is {side}x{side} and UPSAMPLE {upsample}: .* at most"):
        infer(model, IMAGE=np.zeros((side, side, 3), np.uint8), UPSAMPLE=int32(upsample))
