"""Frontal faces by dlib's HOG features and linear SVM. Runs wherever Triton's Python backend runs."""

from typing import Any

import dlib
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

MAX_SEARCHED_PIXELS = 2**26
"""After doubling: 8 s and 0.5 GiB. One request must not be able to take the machine down."""

MIN_THRESHOLD = -1.0
"""Far below 0 every window is a hit."""


class InvalidOptionError(Exception):
    """The caller's mistake: the sentence names tensor and value."""


class TritonPythonModel:
    """IMAGE and its options in; BOXES, SCORES and SUB_DETECTOR out, as the model's card describes them."""

    def initialize(self, args: dict[str, str]) -> None:
        self._detector = dlib.get_frontal_face_detector()

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            image = read_image(request)
            upsample = read_upsample(request, image)
            threshold = read_threshold(request)
        except InvalidOptionError as error:
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
        rectangles, scores, sub_detectors = self._detector.run(image, upsample, threshold)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("BOXES", continuous_boxes(rectangles)),
                pb_utils.Tensor("SCORES", np.array(scores, np.float32)),
                pb_utils.Tensor("SUB_DETECTOR", np.array(sub_detectors, np.int32)),
            ]
        )


def read_image(request: Any) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    if not image.size:
        raise InvalidOptionError(f"IMAGE has shape {list(image.shape)}; it needs at least one pixel")
    return np.ascontiguousarray(image)


def read_upsample(request: Any, image: NDArray[np.uint8]) -> int:
    tensor = pb_utils.get_input_tensor_by_name(request, "UPSAMPLE")
    upsample = int(tensor.as_numpy()[0]) if tensor else 0
    if not 0 <= upsample <= 4:
        raise InvalidOptionError(f"UPSAMPLE is {upsample}; it must be 0 to 4")
    height, width = image.shape[:2]
    if width * height * 4**upsample > MAX_SEARCHED_PIXELS:
        raise InvalidOptionError(
            f"IMAGE is {width}x{height} and UPSAMPLE {upsample}: {width * height * 4**upsample} pixels to search, "
            f"at most {MAX_SEARCHED_PIXELS} are allowed"
        )
    return upsample


def read_threshold(request: Any) -> float:
    tensor = pb_utils.get_input_tensor_by_name(request, "THRESHOLD")
    threshold = float(tensor.as_numpy()[0]) if tensor else 0.0
    if not threshold >= MIN_THRESHOLD:  # also refuses NaN
        raise InvalidOptionError(f"THRESHOLD is {threshold}; it must be at least {MIN_THRESHOLD}")
    return threshold


def continuous_boxes(rectangles: Any) -> NDArray[np.float32]:
    """The outer edges of dlib's rectangles, whose right and bottom are the last pixel inside."""
    edges = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
    return np.array(edges, np.float32).reshape(-1, 4)
