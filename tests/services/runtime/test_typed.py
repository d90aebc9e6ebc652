import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from math import inf
from time import monotonic
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from imago.v1 import image_pb2
from services.runtime import typed
from services.runtime.config import ModelConfig, finish_config
from services.runtime.errors import InvalidInput, NotFound
from services.runtime.images import DecodedImage, ImageDecoder, ImageLimits, encode_png
from services.runtime.model import InferRequest, InferResponse, ModelTiming

RGB8, GRAY8 = image_pb2.PIXEL_FORMAT_RGB8, image_pb2.PIXEL_FORMAT_GRAY8
GRADIENT = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def config(name: str, **parameters: str) -> ModelConfig:
    text = "".join(f'parameters {{ key: "imago.{k}" value {{ string_value: {v!r} }} }}' for k, v in parameters.items())
    text += 'input { name: "x" data_type: TYPE_FP32 dims: [1] } output { name: "y" data_type: TYPE_FP32 dims: [1] }'
    return finish_config(text_format.Parse(text, model_config_pb2.ModelConfig(name=name)), None)


class FakeEngine:
    """Two detectors and a classifier; remembers requests and answers with their inputs."""

    def __init__(self) -> None:
        self.models = {
            "near": config("near", task="detection"),
            "far": config("far", task="detection"),
            "who": config("who", task="classification"),
        }
        self.requests: list[InferRequest] = []
        self.left = 0

    async def infer(self, request: InferRequest) -> InferResponse:
        self.requests.append(request)
        return InferResponse(request.inputs, ModelTiming(request.model, "3", queue_us=5, compute_us=7, batch_size=2))

    async def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        self.requests.append(request)
        try:
            for step in range(1, 4):
                timing = ModelTiming(request.model, "3", queue_us=5, compute_us=10 * step, batch_size=1)
                yield InferResponse({"y": np.array([step])}, timing, final=False)
            yield InferResponse({}, timing)
        finally:
            self.left += 1

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        if name not in self.models or version == "9":
            raise NotFound(f"Request for unknown model: '{name}' version {version} is not found")
        return self.models[name]

    async def ready_models(self) -> list[str]:
        return sorted(self.models)

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        return ("3",) if name in self.models else ()


class FakeContext:
    def __init__(self, remaining_s: float | None = None) -> None:
        self._remaining_s = remaining_s

    def time_remaining(self) -> float | None:
        return self._remaining_s


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder(ImageLimits(max_pixels=1000), threads=1)
    yield decoder
    decoder.close()


def call(engine: FakeEngine, remaining_s: float | None = None) -> typed.TypedCall:
    context: Any = FakeContext(remaining_s)
    return typed.TypedCall(engine, context)


async def test_the_callers_deadline_is_the_models(engine: FakeEngine) -> None:
    before = monotonic()
    await call(engine, 30).infer(engine.models["near"], "3", {})
    await call(engine).infer(engine.models["near"], "", {})
    assert before + 30 <= engine.requests[0].deadline <= monotonic() + 30
    assert engine.requests[1].deadline == inf
    assert [request.version for request in engine.requests] == ["3", ""]


async def test_the_timing_lists_every_model_in_order(engine: FakeEngine) -> None:
    one = call(engine)
    await asyncio.to_thread(lambda: None)
    inputs = {"x": np.ones(1, np.float32)}
    assert (await one.infer(engine.models["near"], "", inputs)) == inputs
    await one.infer(engine.models["who"], "", inputs)
    timing = one.timing()
    near, who = timing.models
    assert (near.model, who.model) == ("near", "who")
    assert (near.version, near.queue_us, near.compute_us, near.batch_size) == ("3", 5, 7, 2)


async def test_a_stream_is_one_model_of_the_timing_that_grows(engine: FakeEngine) -> None:
    one = call(engine, 30)
    await one.infer(engine.models["near"], "", {})
    costs = []
    async with aclosing(one.stream(engine.models["who"], "3", {})) as responses:
        async for outputs in responses:
            costs.append((outputs["y"].item(), [model.compute_us for model in one.timing().models]))
    assert costs == [(1, [7, 10]), (2, [7, 20]), (3, [7, 30])]
    assert engine.requests[1].deadline == engine.requests[0].deadline < inf


async def test_leaving_a_stream_ends_it(engine: FakeEngine) -> None:
    async with aclosing(call(engine).stream(engine.models["who"], "", {})) as responses:
        await anext(responses)
    assert engine.left == 1


async def test_a_model_of_the_task_is_resolved(engine: FakeEngine) -> None:
    assert (await typed.resolve_model(engine, "near", "1", "detection")).name == "near"
    assert (await typed.resolve_model(engine, "who", "1", "detection", "classification")).name == "who"


async def test_an_unknown_model_is_answered_with_those_that_do_the_task(engine: FakeEngine) -> None:
    with pytest.raises(NotFound, match="model 'x' is not here; models for detection: far, near"):
        await typed.resolve_model(engine, "x", "", "detection")
    with pytest.raises(NotFound, match="model 'x' is not here; no model for poetry is loaded"):
        await typed.resolve_model(engine, "x", "", "poetry")
    with pytest.raises(NotFound, match="models for detection or classification: far, near, who"):
        await typed.resolve_model(engine, "x", "", "detection", "classification")


async def test_an_unknown_version_is_not_an_unknown_model(engine: FakeEngine) -> None:
    with pytest.raises(NotFound, match="'near' version 9 is not found"):
        await typed.resolve_model(engine, "near", "9", "detection")


@pytest.mark.parametrize(
    ("name", "version", "field", "sentence"),
    [
        ("who", "", "model", "model is 'who', which does classification, not detection"),
        ("near", "v2", "version", "version is 'v2'; it must be a decimal number, or empty"),
        ("near", "²", "version", "version is '²'; it must be a decimal number, or empty"),
    ],
)
async def test_a_model_that_cannot_be_meant_is_refused(
    engine: FakeEngine, name: str, version: str, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        await typed.resolve_model(engine, name, version, "detection")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("format_", "data", "pixels"),
    [
        (RGB8, GRADIENT.tobytes(), GRADIENT),
        (image_pb2.PIXEL_FORMAT_BGR8, GRADIENT[..., ::-1].tobytes(), GRADIENT),
        (GRAY8, GRADIENT[..., 0].tobytes(), np.repeat(GRADIENT[..., :1], 3, axis=2)),
    ],
)
async def test_raw_pixels_become_rgb(decoder: ImageDecoder, format_: Any, data: bytes, pixels: np.ndarray) -> None:
    raw = image_pb2.RawImage(width=6, height=4, format=format_, data=data)
    decoded = await typed.decode_image(image_pb2.Image(raw=raw), decoder)
    assert decoded.pixels.tolist() == pixels.tolist()


@pytest.mark.parametrize("raw", [False, True])
async def test_an_image_is_reduced_to_the_longest_side(decoder: ImageDecoder, raw: bool) -> None:
    image = image_pb2.Image(encoded=encode_png(GRADIENT))
    if raw:
        pixels = image_pb2.RawImage(width=6, height=4, format=RGB8, data=GRADIENT.tobytes())
        image = image_pb2.Image(raw=pixels)
    decoded = await typed.decode_image(image, decoder, longest_side=3)
    assert (decoded.pixels.shape, decoded.width, decoded.height, decoded.scale) == ((2, 3, 3), 6, 4, 0.5)


@pytest.mark.parametrize("raw", [False, True])
async def test_an_image_is_prepared_at_its_own_size(decoder: ImageDecoder, raw: bool) -> None:
    image = image_pb2.Image(encoded=encode_png(GRADIENT))
    if raw:
        image = image_pb2.Image(raw=image_pb2.RawImage(width=6, height=4, format=RGB8, data=GRADIENT.tobytes()))
    prepared = await typed.prepare_image(image, decoder, lambda decoded: decoded.pixels.tolist(), least_side=3)
    assert prepared == GRADIENT.tolist()


@pytest.mark.parametrize(
    ("image", "field", "sentence"),
    [
        (image_pb2.Image(), "photo", "photo is not set"),
        (image_pb2.Image(encoded=b"no"), "photo.encoded", "image is 2 bytes of no known image format"),
        (image_pb2.Image(raw=image_pb2.RawImage(width=1)), "photo.raw.format", "photo.raw.format is PIXEL_FORMAT_UNSP"),
        (image_pb2.Image(raw=image_pb2.RawImage(width=1, format=RGB8)), "photo.raw", "image is 1x0 pixels"),
        (
            image_pb2.Image(raw=image_pb2.RawImage(width=50, height=50, format=GRAY8)),
            "photo.raw",
            "image is 50x50 pixels",
        ),
        (
            image_pb2.Image(raw=image_pb2.RawImage(width=1, height=1, format=GRAY8)),
            "photo.raw.data",
            "image has 0 bytes",
        ),
    ],
)
async def test_an_image_at_fault_is_named_by_its_path(
    decoder: ImageDecoder, image: image_pb2.Image, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await typed.decode_image(image, decoder, field="photo")
    assert caught.value.field == field
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("raw", [False, True])
def test_the_pixels_of_an_image_are_counted_without_decoding_it(decoder: ImageDecoder, raw: bool) -> None:
    image = image_pb2.Image(raw=image_pb2.RawImage(width=6, height=4))
    assert typed.pixels_of(image if raw else image_pb2.Image(encoded=encode_png(GRADIENT)), decoder) == 24
    with pytest.raises(InvalidInput, match="guide is not set; send encoded bytes or raw pixels"):
        typed.pixels_of(image_pb2.Image(), decoder, "guide")
    with pytest.raises(InvalidInput, match="image is 65535x65535 pixels"):
        typed.pixels_of(image_pb2.Image(raw=image_pb2.RawImage(width=65535, height=65535)), decoder)


def test_positions_are_scaled_by_the_exact_factor_of_each_axis() -> None:
    image = DecodedImage(np.zeros((33, 100, 3), np.uint8), width=1000, height=333, scale=0.1)
    corners = typed.to_original(np.array([[0, 0], [100, 33]], np.float32), image)
    assert corners.tolist() == [[0, 0], [1000, 333]]


def test_arrays_become_messages() -> None:
    box = typed.encode_box(np.array([1, 2, 3.5, 4], np.float32))
    assert box == image_pb2.Box(x_min=1, y_min=2, x_max=3.5, y_max=4)
    landmarks = typed.encode_landmarks(np.array([[1, 2], [3, 4]], np.float32), "dlib5")
    assert landmarks.scheme == "dlib5"
    assert list(landmarks.points) == [image_pb2.Point(x=1, y=2), image_pb2.Point(x=3, y=4)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("UNSPECIFIED", 0), ("PNG", 0), ("RAW", 0), ("JPEG", 4), ("WEBP", 8)],  # lossy ones: at quality 95 of a soft ramp
)
async def test_pixels_come_back_out_of_every_format(
    decoder: ImageDecoder, kind: str, tolerance: int, channels: int
) -> None:
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    pixels = np.stack([np.broadcast_to(ramp, (24, 32))] * channels, axis=-1)
    encode = typed.image_encoder(image_pb2.ImageOutput(format=image_pb2.ImageFormat.Value(f"IMAGE_FORMAT_{kind}")))
    decoded = await typed.decode_image(encode(pixels), decoder)
    assert np.abs(decoded.pixels.astype(int) - pixels).max() <= tolerance


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ({"format": 9}, "out.format is 9; known are IMAGE_FORMAT_PNG, IMAGE_FORMAT_JPEG, IMAGE_FORMAT_WEBP, IMAGE_"),
        ({"quality": 80}, "out.quality is 80; IMAGE_FORMAT_PNG takes none"),
        ({"format": image_pb2.IMAGE_FORMAT_RAW, "quality": 1}, "out.quality is 1; IMAGE_FORMAT_RAW takes none"),
        ({"format": image_pb2.IMAGE_FORMAT_JPEG, "quality": 101}, "out.quality is 101; it must be 1 to 100"),
    ],
)
def test_an_output_that_there_is_not_is_refused(output: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        typed.image_encoder(image_pb2.ImageOutput(**output), "out")
    assert str(caught.value).startswith(sentence)
    assert sentence.startswith(caught.value.field)
