"""Faces by dlib's max-margin convolutional network (MMOD). Runs wherever Triton's Python backend runs."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

MAX_SEARCHED_PIXELS = 2**22
"""After doubling: 35 s and 4 GiB. One request must not be able to take the machine down."""

MIN_SIDE = 32
"""The network's convolutions need about 20 pixels; below that dlib raises."""


class InvalidOptionError(Exception):
    """The caller's mistake: the sentence names tensor and value."""


class TritonPythonModel:
    """IMAGE and UPSAMPLE in; BOXES and SCORES out, as the model's card describes them."""

    def initialize(self, args: dict[str, str]) -> None:
        self._detector = dlib.cnn_face_detection_model_v1(str(find_weights("mmod_human_face_detector.dat")))

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            image = read_image(request)
            upsample = read_upsample(request, image)
        except InvalidOptionError as error:
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
        faces = self._detector(image, upsample)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("BOXES", continuous_boxes(face.rect for face in faces)),
                pb_utils.Tensor("SCORES", np.array([face.confidence for face in faces], np.float32)),
            ]
        )


def find_weights(name: str) -> Path:
    """A file of the package face_recognition_models, which cannot be imported: it needs the removed pkg_resources."""
    package = find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError(f"the package face_recognition_models, which carries {name}, is not installed")
    return Path(package.submodule_search_locations[0]) / "models" / name


def read_image(request: Any) -> NDArray[np.uint8]:
    """The image, with black added at the right and the bottom where it is smaller than the network takes."""
    image: NDArray[np.uint8] = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    if not image.size:
        raise InvalidOptionError(f"IMAGE has shape {list(image.shape)}; it needs at least one pixel")
    height, width = image.shape[:2]
    missing = ((0, max(0, MIN_SIDE - height)), (0, max(0, MIN_SIDE - width)), (0, 0))
    return np.ascontiguousarray(np.pad(image, missing) if min(height, width) < MIN_SIDE else image)


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


def continuous_boxes(rectangles: Any) -> NDArray[np.float32]:
    """The outer edges of dlib's rectangles, whose right and bottom are the last pixel inside."""
    edges = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
    return np.array(edges, np.float32).reshape(-1, 4)
