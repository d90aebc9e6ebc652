"""Reads a DetectFaces request: checks every range of the contract, gives options to the models that take them.

It ignores the image.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from imago.v1 import detector_pb2
from services.runtime.config import ModelConfig, preprocess_of, threshold_of
from services.runtime.errors import InvalidInput
from services.runtime.model import DATATYPES, Tensors
from services.runtime.typed import check_range

_FIELD_OF_TENSOR = {
    "IMAGE": "image",
    "THRESHOLD": "score_threshold",
    "UPSAMPLE": "upsample",
    "SCALE_FACTOR": "haar.scale_factor",
    "MIN_NEIGHBOURS": "haar.min_neighbours",
    "MIN_SIZE": "haar.min_size",
}
_TENSORS = re.compile(rf"\b({'|'.join(_FIELD_OF_TENSOR)})\b")

_ALIGNED_SIDE = 160
_MARGIN = 0.25
_QUALITY = 95


@dataclass(frozen=True, slots=True)
class CropOptions:
    """How faces are cut out, defaults filled in. `side` is 0 for the box's own size."""

    aligned: bool
    margin: float
    side: int
    quality: int


@dataclass(frozen=True, slots=True)
class ModelOption:
    """A request field that goes to the model as a tensor of one element, where the model takes it."""

    field: str
    tensor: str
    value: float


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """A checked request.

    Attributes:
        longest_side: pixels; 0 for the model's own.
        upsample: how often the image is doubled before the search.
        score_threshold: None for the model's own.
        largest_only: whether only the largest face counts.
        landmarks: whether the answer has landmarks.
        crops: None when no crops are wanted.
        for_model: the options that only some models take.
    """

    longest_side: int
    upsample: int
    score_threshold: float | None
    largest_only: bool
    landmarks: bool
    crops: CropOptions | None
    for_model: tuple[ModelOption, ...]

    @property
    def needs_landmarks(self) -> bool:
        return self.landmarks or (self.crops is not None and self.crops.aligned)

    def longest_side_for(self, model: ModelConfig) -> int:
        """Pixels; 0 for no limit. Who upsamples looks for small faces: reducing the image first would undo it."""
        preprocess = preprocess_of(model)
        own = int(preprocess.get("longest_side", 0))
        if self.upsample:
            own = int(preprocess.get("longest_side_upsampled", own))
        return self.longest_side or own

    def least_score(self, model: ModelConfig) -> float:
        return threshold_of(model) if self.score_threshold is None else self.score_threshold

    def tensors(self, model: ModelConfig) -> Tensors:
        """The options as the model's optional inputs.

        Raises:
            InvalidInput: the model does not take one of them.
        """
        takes = {spec.name: DATATYPES[spec.datatype] for spec in model.inputs}
        for option in self.for_model:
            if option.tensor not in takes:
                raise InvalidInput(
                    f"{option.field} is {option.value:g}; model '{model.name}' does not take it", field=option.field
                )
        tensors = {option.tensor: np.array([option.value], takes[option.tensor]) for option in self.for_model}
        if self.score_threshold is not None and "THRESHOLD" in takes:
            tensors["THRESHOLD"] = np.array([self.score_threshold], takes["THRESHOLD"])
        return tensors


def read_options(request: detector_pb2.DetectFacesRequest) -> FaceOptions:
    """Check a request against the ranges of the contract.

    Raises:
        InvalidInput: a field out of range, named with its value.
    """
    threshold = request.score_threshold if request.HasField("score_threshold") else None
    if threshold is not None and not isfinite(threshold):
        raise InvalidInput(f"score_threshold is {threshold}; it must be a finite number", field="score_threshold")
    if request.longest_side:
        check_range("longest_side", request.longest_side, 64, 8192)
    return FaceOptions(
        longest_side=request.longest_side,
        upsample=request.upsample,
        score_threshold=threshold,
        largest_only=request.largest_only,
        landmarks=request.landmarks,
        crops=_crops(request.crops) if request.HasField("crops") else None,
        for_model=tuple(_for_model(request)),
    )


def in_words_of_the_contract(refusal: InvalidInput) -> InvalidInput:
    """What a model says of its tensors, said of the fields that the caller sent."""
    sentence = _TENSORS.sub(lambda found: _FIELD_OF_TENSOR[found[0]], str(refusal))
    # Where it names two, as in "IMAGE is 4000x3000 and UPSAMPLE 2", the option is what the caller can change.
    named = _TENSORS.findall(str(refusal))
    return InvalidInput(sentence, field=_FIELD_OF_TENSOR[named[-1]] if named else refusal.field)


def _for_model(request: detector_pb2.DetectFacesRequest) -> Iterator[ModelOption]:
    if request.upsample:
        check_range("upsample", request.upsample, 0, 4)
        yield ModelOption("upsample", "UPSAMPLE", request.upsample)
    haar = request.haar
    if haar.HasField("scale_factor"):
        check_range("haar.scale_factor", haar.scale_factor, 1.01, 4)
        yield ModelOption("haar.scale_factor", "SCALE_FACTOR", haar.scale_factor)
    if haar.HasField("min_neighbours"):
        check_range("haar.min_neighbours", haar.min_neighbours, 0, 100)
        yield ModelOption("haar.min_neighbours", "MIN_NEIGHBOURS", haar.min_neighbours)
    if haar.HasField("min_size"):
        check_range("haar.min_size", haar.min_size, 1, 8192)
        yield ModelOption("haar.min_size", "MIN_SIZE", haar.min_size)


def _crops(crops: detector_pb2.FaceCropOptions) -> CropOptions:
    margin = crops.margin if crops.HasField("margin") else _MARGIN
    check_range("crops.margin", margin, 0, 2)
    if crops.size:
        check_range("crops.size", crops.size, 16, 1024)
    if crops.jpeg_quality:
        check_range("crops.jpeg_quality", crops.jpeg_quality, 1, 100)
    side = crops.size or (_ALIGNED_SIDE if crops.aligned else 0)
    return CropOptions(aligned=crops.aligned, margin=margin, side=side, quality=crops.jpeg_quality or _QUALITY)
