"""Translates between the typed contracts and the runtime: images, boxes, timings, and which model a request means.

It knows no service and no model; what a model's outputs mean is the service's `pipeline`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial
from math import inf
from time import monotonic, perf_counter_ns
from typing import Any, TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray

from imago.v1 import image_pb2
from services.runtime.config import ModelConfig
from services.runtime.errors import InvalidInput, NotFound
from services.runtime.image_files import inspect
from services.runtime.images import (
    DecodedImage,
    ImageDecoder,
    PixelOrder,
    Pixels,
    encode_jpeg,
    encode_png,
    encode_webp,
    from_raw,
)
from services.runtime.model import Engine, InferRequest, ModelTiming, Tensor, Tensors

Context = grpc.aio.ServicerContext[Any, Any]

T = TypeVar("T")

_PIXEL_ORDERS: Mapping[int, PixelOrder] = {
    image_pb2.PIXEL_FORMAT_RGB8: "RGB8",
    image_pb2.PIXEL_FORMAT_BGR8: "BGR8",
    image_pb2.PIXEL_FORMAT_GRAY8: "GRAY8",
}
_LOSSLESS = (image_pb2.IMAGE_FORMAT_UNSPECIFIED, image_pb2.IMAGE_FORMAT_PNG, image_pb2.IMAGE_FORMAT_RAW)
_LOSSY: Mapping[int, Callable[[Pixels, int], bytes]] = {
    image_pb2.IMAGE_FORMAT_JPEG: encode_jpeg,
    image_pb2.IMAGE_FORMAT_WEBP: encode_webp,
}
_QUALITY_UNLESS_SAID = 95

EncodeImage = Callable[[Pixels], image_pb2.Image]
"""Makes an `Image` of pixels (height, width, 3 or 1), without the GIL for what takes long."""


class TypedCall:
    """One call of a typed method: runs its models before its deadline and notes where the time went.

    What happens before the first model counts as preprocessing, what happens after the last one as postprocessing.
    """

    def __init__(self, engine: Engine, context: Context) -> None:
        self._engine = engine
        self._timing = image_pb2.Timing()
        self._marked_ns = perf_counter_ns()
        remaining_s = context.time_remaining()
        self._deadline = inf if remaining_s is None else monotonic() + remaining_s

    async def infer(self, model: ModelConfig, version: str, inputs: Tensors) -> Tensors:
        """The outputs of a model for one request. Raises as `Engine.infer` does."""
        response = await self._engine.infer(self._request(model, version, inputs))
        self._timing.models.append(_model_timing(response.timing))
        self._marked_ns = perf_counter_ns()
        return response.outputs

    async def stream(self, model: ModelConfig, version: str, inputs: Tensors) -> AsyncGenerator[Tensors, None]:
        """Every response of a decoupled model to one request; closing it cancels the model. Raises as `Engine.infer`.

        The model stays one entry of the timing, which grows with the stream.
        """
        request = self._request(model, version, inputs)
        cost = self._timing.models.add(model=model.name, version=version)
        async with aclosing(self._engine.stream(request)) as responses:
            async for response in responses:
                cost.CopyFrom(_model_timing(response.timing))
                self._marked_ns = perf_counter_ns()
                if response.outputs:
                    yield response.outputs

    def timing(self) -> image_pb2.Timing:
        """Where the time went until now; call it when an answer is made, and for none before it."""
        self._timing.postprocess_us = self._elapsed_us()
        return self._timing

    def _request(self, model: ModelConfig, version: str, inputs: Tensors) -> InferRequest:
        if not self._timing.models:
            self._timing.preprocess_us = self._elapsed_us()
        return InferRequest(model.name, inputs, version=version, deadline=self._deadline)

    def _elapsed_us(self) -> int:
        return (perf_counter_ns() - self._marked_ns) // 1000


def _model_timing(cost: ModelTiming) -> image_pb2.ModelTiming:
    return image_pb2.ModelTiming(
        model=cost.model,
        version=cost.version,
        queue_us=cost.queue_us,
        compute_us=cost.compute_us,
        batch_size=cost.batch_size,
    )


async def resolve_model(engine: Engine, name: str, version: str, *tasks: str) -> ModelConfig:
    """The configuration of a ready model that does one of the tasks.

    Raises:
        InvalidInput: the version is not a number, or the model does something else.
        NotFound: no such model or version; the sentence names the models that do such a task.
    """
    check_version(version)
    task = " or ".join(tasks)
    try:
        config = await engine.model_config(name, version)
    except NotFound as error:
        if name in (ready := await engine.ready_models()):
            raise
        able = [other for other in ready if _task_of(await engine.model_config(other)) in tasks]
        known = f"models for {task}: {', '.join(able)}" if able else f"no model for {task} is loaded"
        raise NotFound(f"model '{name}' is not here; {known}") from error
    if _task_of(config) not in tasks:
        raise InvalidInput(
            f"model is '{name}', which does {_task_of(config) or 'no typed task'}, not {task}", field="model"
        )
    return config


def check_version(version: str) -> None:
    """Raises InvalidInput for the version of a request that is neither a decimal number nor empty."""
    if version and not (version.isascii() and version.isdigit()):
        raise InvalidInput(f"version is '{version}'; it must be a decimal number, or empty", field="version")


def _task_of(config: ModelConfig) -> str:
    return config.parameter("imago.task")


def check_range(field: str, value: float, low: float, high: float) -> None:
    """Raises InvalidInput with field, value and range, unless low <= value <= high."""
    # Fields and limits meet in single precision, which holds no exact 1.01; NaN fails every comparison.
    if not np.float32(low) <= np.float32(value) <= np.float32(high):
        raise InvalidInput(f"{field} is {_text(value)}; it must be {_text(low)} to {_text(high)}", field=field)


def _text(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


async def decode_image(
    image: image_pb2.Image, decoder: ImageDecoder, *, longest_side: int = 0, field: str = "image"
) -> DecodedImage:
    """The pixels of an `Image`, reduced to `longest_side` pixels where that is above 0 and the image is larger.

    Raises:
        InvalidInput: nothing is set, or the image cannot be decoded; its field is the path in the contract, from
            `field` on, e.g. "image.raw.data".
        Overloaded: too many images wait to be decoded.
    """
    match image.WhichOneof("source"):
        case "encoded":
            with _blaming(f"{field}.encoded"):
                return await decoder.decode(image.encoded, longest_side=longest_side)
        case "raw":
            wrap = _raw_reader(image.raw, decoder, f"{field}.raw")
            with _blaming(f"{field}.raw.data"):
                return await asyncio.to_thread(wrap, longest_side=longest_side)
        case _:
            raise _nothing_in(field)


async def prepare_image(
    image: image_pb2.Image,
    decoder: ImageDecoder,
    prepare: Callable[[DecodedImage], T],
    *,
    least_side: int,
    field: str = "image",
) -> T:
    """What `prepare` makes of the pixels of an `Image`, in the thread that decodes them.

    A JPEG is decoded at the smallest fraction whose longest side is at least `least_side` pixels; nothing is resized.
    Raises as `decode_image` does.
    """
    match image.WhichOneof("source"):
        case "encoded":
            with _blaming(f"{field}.encoded"):
                return await decoder.decode_then(image.encoded, prepare, least_side=least_side)
        case "raw":
            wrap = _raw_reader(image.raw, decoder, f"{field}.raw")
            with _blaming(f"{field}.raw.data"):
                return await asyncio.to_thread(lambda: prepare(wrap()))
        case _:
            raise _nothing_in(field)


@contextmanager
def _blaming(field: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(str(error), field=field) from None


def pixels_of(image: image_pb2.Image, decoder: ImageDecoder, field: str = "image") -> int:
    """How many pixels an `Image` has, read without decoding it; raises as `decode_image` does."""
    match image.WhichOneof("source"):
        case "encoded":
            with _blaming(f"{field}.encoded"):
                file = inspect(image.encoded, decoder.limits)
            return file.width * file.height
        case "raw":
            with _blaming(f"{field}.raw"):
                decoder.limits.check(image.raw.width, image.raw.height)
            return image.raw.width * image.raw.height
        case _:
            raise _nothing_in(field)


def _nothing_in(field: str) -> InvalidInput:
    return InvalidInput(f"{field} is not set; send encoded bytes or raw pixels", field=field)


def _raw_reader(raw: image_pb2.RawImage, decoder: ImageDecoder, field: str) -> Callable[..., DecodedImage]:
    """`from_raw` of this image, once its format and size are known to be possible."""
    order = _PIXEL_ORDERS.get(raw.format)
    if order is None:
        named = image_pb2.PixelFormat.DESCRIPTOR.values_by_number.get(raw.format)
        accepted = "PIXEL_FORMAT_RGB8, PIXEL_FORMAT_BGR8 and PIXEL_FORMAT_GRAY8"
        raise InvalidInput(
            f"{field}.format is {named.name if named else raw.format}; {accepted} are accepted", field=f"{field}.format"
        )
    with _blaming(field):
        decoder.limits.check(raw.width, raw.height)
    return partial(from_raw, raw.data, raw.width, raw.height, order, decoder.limits)


def to_original(points: NDArray[np.float32], image: DecodedImage) -> NDArray[np.float32]:
    """Positions (..., 2) in the decoded pixels as positions in the upright original, both in continuous edges."""
    height, width = image.pixels.shape[:2]
    return points * np.array([image.width / width, image.height / height], np.float32)


def image_encoder(output: image_pb2.ImageOutput, field: str = "output") -> EncodeImage:
    """What encodes the images of an answer as the caller wants them; where nothing is set, as PNG.

    Raises:
        InvalidInput: a format or a quality that there is not, named with its value.
    """
    if output.format in _LOSSY:
        if output.quality:
            check_range(f"{field}.quality", output.quality, 1, 100)
        encode, quality = _LOSSY[output.format], output.quality or _QUALITY_UNLESS_SAID
        return lambda pixels: image_pb2.Image(encoded=encode(pixels, quality))
    names = image_pb2.ImageFormat.DESCRIPTOR.values_by_number
    if output.format not in _LOSSLESS:
        known = ", ".join(value.name for number, value in names.items() if number)
        raise InvalidInput(f"{field}.format is {output.format}; known are {known}", field=f"{field}.format")
    if output.quality:
        kind = names[output.format or image_pb2.IMAGE_FORMAT_PNG].name
        raise InvalidInput(f"{field}.quality is {output.quality}; {kind} takes none", field=f"{field}.quality")
    return _encode_raw if output.format == image_pb2.IMAGE_FORMAT_RAW else _encode_png


def _encode_png(pixels: Pixels) -> image_pb2.Image:
    return image_pb2.Image(encoded=encode_png(pixels))


def _encode_raw(pixels: Pixels) -> image_pb2.Image:
    height, width, channels = pixels.shape
    order = image_pb2.PIXEL_FORMAT_GRAY8 if channels == 1 else image_pb2.PIXEL_FORMAT_RGB8
    return image_pb2.Image(raw=image_pb2.RawImage(width=width, height=height, format=order, data=pixels.tobytes()))


def encode_box(edges: Tensor) -> image_pb2.Box:
    """A `Box` of four numbers: x_min, y_min, x_max, y_max."""
    x_min, y_min, x_max, y_max = edges.tolist()
    return image_pb2.Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)


def encode_landmarks(points: Tensor, scheme: str) -> image_pb2.Landmarks:
    """`Landmarks` of points (n, 2)."""
    return image_pb2.Landmarks(scheme=scheme, points=[image_pb2.Point(x=x, y=y) for x, y in points.tolist()])
