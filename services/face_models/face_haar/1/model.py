"""Frontal faces by OpenCV's Haar cascade. Runs wherever Triton's Python backend runs."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

CASCADE = "haarcascade_frontalface_default.xml"
MAX_SEARCHED_PIXELS = 2**26


class InvalidOptionError(Exception):
    """The caller's mistake: the sentence names tensor and value."""


class TritonPythonModel:
    """IMAGE and detectMultiScale's options in; BOXES and SCORES out, as the model's card describes them."""

    def initialize(self, args: dict[str, str]) -> None:
        path = Path(cv2.__file__).parent / "data" / CASCADE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise FileNotFoundError(f"OpenCV {cv2.__version__} carries no {CASCADE}; versions 4.12 to below 5 do")

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            image = read_image(request)
            scale_factor = read_option(request, "SCALE_FACTOR", 1.2, (1.01, 4.0))
            min_neighbours = int(read_option(request, "MIN_NEIGHBOURS", 20, (0, 100)))
            min_size = int(read_option(request, "MIN_SIZE", 60, (1, 8192)))
        except InvalidOptionError as error:
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        faces = self._cascade.detectMultiScale(grey, scale_factor, min_neighbours, minSize=(min_size, min_size))
        boxes = np.array(faces, np.float32).reshape(-1, 4)  # left, top, width, height
        boxes[:, 2:] += boxes[:, :2]
        scores = np.ones(len(boxes), np.float32)
        return pb_utils.InferenceResponse([pb_utils.Tensor("BOXES", boxes), pb_utils.Tensor("SCORES", scores)])


def read_image(request: Any) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    if not image.size or image.size > 3 * MAX_SEARCHED_PIXELS:
        raise InvalidOptionError(f"IMAGE has shape {list(image.shape)}; it needs 1 to {MAX_SEARCHED_PIXELS} pixels")
    return image


def read_option(request: Any, name: str, default: float, limits: tuple[float, float]) -> float:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    value = tensor.as_numpy()[0] if tensor else default
    low, high = (type(value)(limit) for limit in limits)  # in the tensor's own precision: FP32 holds no exact 1.01
    if not low <= value <= high:
        raise InvalidOptionError(f"{name} is {value}; it must be {limits[0]} to {limits[1]}")
    return float(value)
