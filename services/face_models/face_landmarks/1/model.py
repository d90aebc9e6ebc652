"""Five landmarks of each given face by dlib's regression trees. Runs wherever Triton's Python backend runs."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

MAX_COORDINATE = 2**20


class InvalidOptionError(Exception):
    """The caller's mistake: the sentence names tensor and value."""


class TritonPythonModel:
    """IMAGE and BOXES in; LANDMARKS out, as the model's card describes them."""

    def initialize(self, args: dict[str, str]) -> None:
        self._predictor = dlib.shape_predictor(str(find_weights("shape_predictor_5_face_landmarks.dat")))

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            image = read_image(request)
            boxes = read_boxes(request)
        except InvalidOptionError as error:
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
        shapes = [self._predictor(image, inclusive_rectangle(box)).parts() for box in boxes]
        pixels = np.array([[(part.x, part.y) for part in shape] for shape in shapes], np.float32)
        centres = pixels.reshape(-1, 5, 2) + np.float32(0.5)  # dlib names whole pixels; edges lie half a pixel away
        return pb_utils.InferenceResponse([pb_utils.Tensor("LANDMARKS", centres)])


def find_weights(name: str) -> Path:
    """A file of the package face_recognition_models, which cannot be imported: it needs the removed pkg_resources."""
    package = find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError(f"the package face_recognition_models, which carries {name}, is not installed")
    return Path(package.submodule_search_locations[0]) / "models" / name


def read_image(request: Any) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    if not image.size:
        raise InvalidOptionError(f"IMAGE has shape {list(image.shape)}; it needs at least one pixel")
    return np.ascontiguousarray(image)


def read_boxes(request: Any) -> NDArray[np.float32]:
    boxes: NDArray[np.float32] = pb_utils.get_input_tensor_by_name(request, "BOXES").as_numpy()
    for index, box in enumerate(boxes):
        left, top, right, bottom = box.tolist()
        if not (left < right and top < bottom and np.abs(box).max() <= MAX_COORDINATE):  # also refuses NaN
            raise InvalidOptionError(
                f"BOXES[{index}] is {box.tolist()}; it must be [x_min, y_min, x_max, y_max] with x_min < x_max and "
                f"y_min < y_max, each within {MAX_COORDINATE} of 0"
            )
    return boxes


def inclusive_rectangle(box: NDArray[np.float32]) -> Any:
    """The nearest rectangle in dlib's terms, whose right and bottom are the last pixel inside."""
    left, top, right, bottom = (round(edge) for edge in box.tolist())
    return dlib.rectangle(left, top, max(left, right - 1), max(top, bottom - 1))
