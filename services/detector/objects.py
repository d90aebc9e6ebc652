"""Answers Detect: what a model of task "object-detection" is, what a request may ask of it, and how it is asked.

The image is letterboxed in the thread that decodes it; candidates are suppressed in another thread, since a request may
keep thousands of them. Requests of any image sizes share batches, because their letterboxes have one size.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from imago.v1 import detector_pb2, image_pb2
from services.detector.pipeline import (
    Choice,
    LetterboxedImage,
    Objects,
    choose_objects,
    letterboxed,
    objects_in_original,
)
from services.runtime.config import ModelConfig, TensorSpec, preprocess_of, threshold_of
from services.runtime.errors import InvalidInput, ModelFailed
from services.runtime.images import ImageDecoder
from services.runtime.model import Engine, Tensor, Tensors
from services.runtime.typed import (
    TypedCall,
    check_range,
    encode_box,
    prepare_image,
    resolve_model,
)

TASK = "object-detection"
DEFAULT_MODEL = "mask_detector"
IOU_THRESHOLD = 0.45
MOST_DETECTIONS, DETECTIONS_UNLESS_SAID = 3000, 300


@dataclass(frozen=True, slots=True)
class ObjectModel:
    """A model that finds objects: letterboxed RGB in, boxes in its pixels and a score for each label out.

    Attributes:
        config: as the engine knows it.
        version: as asked for; empty for the newest.
        width: of the letterbox, in pixels.
        height: of the letterbox, in pixels.
        labels: in the order of the columns of SCORES.
        least_score: the model's own threshold.
        exclusive: whether one thing has one label only.
    """

    config: ModelConfig
    version: str
    width: int
    height: int
    labels: tuple[str, ...]
    least_score: float
    exclusive: bool

    def indices(self, labels: Sequence[str], field: str) -> tuple[int, ...]:
        """The columns of some labels, each once, in the model's order.

        Raises:
            InvalidInput: with `field`: the model lacks one.
        """
        for label in labels:
            if label not in self.labels:
                raise InvalidInput(
                    f"{field} has '{label}'; model '{self.config.name}' knows {', '.join(self.labels)}", field=field
                )
        return tuple(index for index, label in enumerate(self.labels) if label in labels)

    def inputs(self, image: LetterboxedImage) -> Tensors:
        return {"IMAGE": image.pixels[np.newaxis] if self.config.max_batch_size else image.pixels}

    def candidates(self, outputs: Tensors) -> tuple[Tensor, Tensor]:
        """BOXES (a, 4) and SCORES (a, labels) of one image.

        Raises:
            ModelFailed: they have other shapes.
        """
        batched = self.config.max_batch_size > 0
        boxes, scores = (outputs[name][0] if batched else outputs[name] for name in ("BOXES", "SCORES"))
        if scores.ndim != 2 or scores.shape[1] != len(self.labels) or boxes.shape != (len(scores), 4):
            raise ModelFailed(
                f"model '{self.config.name}': BOXES has shape {boxes.shape} and SCORES {scores.shape} for one image "
                f"and {len(self.labels)} labels"
            )
        return boxes, scores


def read_model(config: ModelConfig, version: str) -> ObjectModel:
    """What a configuration of task "object-detection" promises.

    Raises:
        ModelFailed: it is not the configuration of such a model, or its labels are not as many as its scores.
    """
    height, width, channels = _dims(config, config.inputs, "IMAGE", "UINT8", 3)
    _, edges = _dims(config, config.outputs, "BOXES", "FP32", 2)
    _, classes = _dims(config, config.outputs, "SCORES", "FP32", 2)
    if min(height, width) < 1 or channels != 3 or edges != 4:
        raise ModelFailed(f"model '{config.name}': IMAGE must be [height, width, 3] in whole numbers, BOXES [n, 4]")
    resize = preprocess_of(config).get("resize")
    if resize != "letterbox":
        raise ModelFailed(f"model '{config.name}': imago.preprocess has resize {resize!r}; only 'letterbox' is known")
    labels = config.labels.get("SCORES", ())
    if len(labels) != classes:
        why = "" if labels else ": no label_filename, or with --engine triton no --model-repository that holds it"
        raise ModelFailed(f"model '{config.name}' has {len(labels)} labels for the {classes} columns of SCORES{why}")
    return ObjectModel(config, version, width, height, labels, threshold_of(config), _exclusive(config))


def _exclusive(config: ModelConfig) -> bool:
    """The model's `imago.exclusive_labels`; without it false. Raises ModelFailed when it is something else."""
    text = config.parameter("imago.exclusive_labels", "false")
    if text not in ("true", "false"):
        raise ModelFailed(f"model '{config.name}': imago.exclusive_labels is '{text}'; it must be true or false")
    return text == "true"


def _dims(config: ModelConfig, specs: Sequence[TensorSpec], name: str, datatype: str, rank: int) -> tuple[int, ...]:
    """The dimensions of a tensor for one image."""
    for spec in specs:
        dims = spec.shape[1:] if config.max_batch_size else spec.shape
        if spec.name == name and spec.datatype == datatype and len(dims) == rank:
            return dims
    raise ModelFailed(f"model '{config.name}' has no {name} of TYPE_{datatype} with {rank} dims, as {TASK} needs")


def read_choice(request: detector_pb2.DetectRequest, model: ObjectModel) -> Choice:
    """Check a request against the ranges of the contract and the model's labels.

    Raises:
        InvalidInput: a field out of range, or an unknown label, named with its value.
    """
    iou_threshold = request.iou_threshold if request.HasField("iou_threshold") else IOU_THRESHOLD
    check_range("iou_threshold", iou_threshold, 0, 1)
    if request.max_detections:
        check_range("max_detections", request.max_detections, 1, MOST_DETECTIONS)
    return Choice(
        least_score=read_least_score(request, model),
        iou_threshold=iou_threshold,
        limit=request.max_detections or DETECTIONS_UNLESS_SAID,
        labels=model.indices(request.labels, "labels"),
        one_label=request.one_label if request.HasField("one_label") else model.exclusive,
    )


def read_least_score(request: detector_pb2.DetectRequest | detector_pb2.DetectStreamStart, model: ObjectModel) -> float:
    """The score_threshold of a request, or the model's; raises InvalidInput when it is not in 0..1."""
    if not request.HasField("score_threshold"):
        return model.least_score
    check_range("score_threshold", request.score_threshold, 0, 1)
    return float(request.score_threshold)


class ObjectFinder:
    """Finds objects with the models of one engine."""

    def __init__(self, engine: Engine, decoder: ImageDecoder) -> None:
        self._engine = engine
        self._decoder = decoder

    async def model(self, name: str, version: str) -> ObjectModel:
        """The model that a request means. Raises as `resolve_model` and `read_model` do."""
        return read_model(await resolve_model(self._engine, name or DEFAULT_MODEL, version, TASK), version)

    async def find(
        self, source: image_pb2.Image, model: ObjectModel, choice: Choice, call: TypedCall
    ) -> tuple[Objects, LetterboxedImage]:
        """Objects in the upright original, and the image as the model saw it."""
        prepare = partial(letterboxed, width=model.width, height=model.height)
        image = await prepare_image(source, self._decoder, prepare, least_side=max(model.width, model.height))
        outputs = await call.infer(model.config, model.version, model.inputs(image))
        boxes, scores = model.candidates(outputs)
        return await asyncio.to_thread(_chosen, boxes, scores, choice, image), image


def _chosen(boxes: Tensor, scores: Tensor, choice: Choice, image: LetterboxedImage) -> Objects:
    return objects_in_original(choose_objects(boxes, scores, choice), image)


def add_detections(detections: Any, objects: Objects, model: ObjectModel) -> None:
    """Append a `Detection` for each object to a repeated field."""
    columns = (objects.boxes, objects.scores.tolist(), objects.labels.tolist(), objects.track_ids.tolist())
    for box, score, label, track_id in zip(*columns, strict=True):
        detections.add(box=encode_box(box), label=model.labels[label], score=score, track_id=track_id)


def encode_objects(
    objects: Objects, image: LetterboxedImage, model: ObjectModel, call: TypedCall
) -> detector_pb2.DetectResponse:
    """The answer; `objects` lie in the upright original."""
    response = detector_pb2.DetectResponse(width=image.width, height=image.height)
    add_detections(response.detections, objects, model)
    response.timing.CopyFrom(call.timing())
    return response
