"""What calls can be told besides their image: the fields of the requests, as keyword arguments.

Fields left out have the contract's defaults; ranges and units are in the comments of the contract.
"""

from collections.abc import Sequence
from typing import TypedDict

from imago.images import ImageInput
from imago.v1.detector_pb2 import FaceCropOptions, HaarOptions
from imago.v1.generator_pb2 import InterpolationMethod, LatentVector
from imago.v1.image_pb2 import ImageOutput
from imago.v1.translator_pb2 import DreamTarget, OutputSize, StyleOptimisation


class DetectOptions(TypedDict, total=False):
    """The fields of DetectRequest besides the image."""

    model: str
    version: str
    score_threshold: float
    iou_threshold: float
    max_detections: int
    labels: Sequence[str]
    one_label: bool


class StreamOptions(TypedDict, total=False):
    """The fields of DetectStreamStart."""

    model: str
    version: str
    score_threshold: float
    alert_labels: Sequence[str]
    alert_after_frames: int
    alert_after_ms: int
    labels: Sequence[str]


class FaceOptions(TypedDict, total=False):
    """The fields of DetectFacesRequest besides the image."""

    model: str
    version: str
    score_threshold: float
    upsample: int
    longest_side: int
    haar: HaarOptions
    largest_only: bool
    landmarks: bool
    crops: FaceCropOptions


class GenerateOptions(TypedDict, total=False):
    """The fields of GenerateRequest."""

    model: str
    version: str
    count: int
    seed: int
    latents: Sequence[LatentVector]
    labels: Sequence[str]
    truncation: float
    output: ImageOutput
    first_index: int


class InterpolateOptions(TypedDict, total=False):
    """The fields of InterpolateRequest besides the stops."""

    model: str
    version: str
    steps: int
    method: InterpolationMethod.ValueType
    closed: bool
    output: ImageOutput
    truncation: float


class TranslateOptions(TypedDict, total=False):
    """The fields of TranslateRequest besides the image."""

    model: str
    version: str
    direction: str
    cycle: bool
    seed: int
    size: OutputSize.ValueType
    output: ImageOutput


class StylizeOptions(TypedDict, total=False):
    """The fields of StylizeRequest besides the image and the styles."""

    model: str
    version: str
    strength: float
    preserve_colour: bool
    mask: ImageInput
    longest_side: int
    optimisation: StyleOptimisation
    size: OutputSize.ValueType
    output: ImageOutput


class DreamOptions(TypedDict, total=False):
    """The fields of DreamRequest besides the image."""

    model: str
    version: str
    targets: Sequence[DreamTarget]
    guide: ImageInput
    octaves: int
    octave_scale: float
    steps: int
    step_size: float
    jitter: int
    seed: int
    longest_side: int
    preview_every_steps: int
    size: OutputSize.ValueType
    output: ImageOutput
