"""A real gRPC server on a port of its own, with services and a gateway of a few lines."""

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from PIL import Image

from imago.v1 import (
    detector_pb2,
    detector_pb2_grpc,
    gateway_pb2,
    gateway_pb2_grpc,
    generator_pb2,
    generator_pb2_grpc,
    image_pb2,
    translator_pb2,
    translator_pb2_grpc,
)

Context = grpc.ServicerContext
FACE = image_pb2.Detection(box=image_pb2.Box(x_min=4, y_min=6, x_max=24, y_max=30), label="face", score=1.25)
MASK = image_pb2.Detection(
    box=image_pb2.Box(x_min=4, y_min=6, x_max=24, y_max=30), label="with_mask", score=0.75, track_id=7
)
ALERT_AT = 3
"""The frame that raises an alert, where alerts are asked for."""
TIMING = image_pb2.Timing(
    models=[image_pb2.ModelTiming(model="face_hog", version="1", queue_us=500, compute_us=20_000, batch_size=3)]
)


@dataclass
class FakeImago(
    detector_pb2_grpc.DetectorServiceServicer,
    generator_pb2_grpc.GeneratorServiceServicer,
    translator_pb2_grpc.TranslatorServiceServicer,
    gateway_pb2_grpc.GatewayServiceServicer,
):
    """Finds one face, or one mask, in every image, unless `failures` says what happens to the next calls.

    What it generates is red by the index of the image: see `generated`. What it translates is blue, what it stylises or
    dreams green by the step.

    Of a stream every message is one of the `requests`.
    """

    requests: list[Message] = field(default_factory=list)
    failures: list[Callable[[Context], object]] = field(default_factory=list)
    # Of which bytes an image is refused.
    bad: bytes = b"not an image"
    services: list[gateway_pb2.ServiceStatus] = field(default_factory=list)
    parts: list[gateway_pb2.PartResult] = field(default_factory=list)
    # Further ones that are listed.
    models: list[gateway_pb2.ModelInfo] = field(default_factory=list)
    # How many frames of a stream are dropped before each that is answered.
    drops: int = 0
    address: str = ""

    def DetectFaces(
        self, request: detector_pb2.DetectFacesRequest, context: Context
    ) -> detector_pb2.DetectFacesResponse:
        self._take(request, context)
        if request.image.encoded == self.bad:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "image is neither JPEG, PNG nor WebP.")
        crops = [b"a crop"] if request.HasField("crops") else []
        return detector_pb2.DetectFacesResponse(detections=[FACE], crops=crops, width=64, height=48, timing=TIMING)

    def Detect(self, request: detector_pb2.DetectRequest, context: Context) -> detector_pb2.DetectResponse:
        self._take(request, context)
        if request.image.encoded == self.bad:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "image is neither JPEG, PNG nor WebP.")
        found = image_pb2.Detection(box=MASK.box, label=MASK.label, score=MASK.score)
        return detector_pb2.DetectResponse(detections=[found], width=64, height=48, timing=TIMING)

    def DetectStream(
        self, requests: Iterable[detector_pb2.DetectStreamRequest], context: Context
    ) -> Iterator[detector_pb2.DetectStreamResponse]:
        start = detector_pb2.DetectStreamStart()
        for index, request in enumerate(requests, start=-1):
            self._take(request, context)
            if index < 0:
                start = request.start
            elif (index + 1) % (self.drops + 1) == 0:
                alert = image_pb2.Alert(kind="label", message="Track 7 shows with_mask.", track_id=7, frame_index=index)
                yield detector_pb2.DetectStreamResponse(
                    frame_index=index,
                    detections=[MASK, FACE],
                    alerts=[alert] if start.alert_labels and index == ALERT_AT else [],
                    dropped_frames=self.drops,
                    timing=TIMING,
                    width=64,
                    height=48,
                )

    def Generate(self, request: generator_pb2.GenerateRequest, context: Context) -> generator_pb2.GenerateResponse:
        self._take(request, context)
        labels = [*request.labels] * (request.count if len(request.labels) < 2 else 1) or [""] * request.count
        images = [
            generated(request.seed, request.first_index + number, label)
            for number, label in enumerate(labels[: request.count])
        ]
        return generator_pb2.GenerateResponse(images=images, timing=TIMING)

    def Interpolate(
        self, request: generator_pb2.InterpolateRequest, context: Context
    ) -> Iterator[generator_pb2.InterpolateResponse]:
        self._take(request, context)
        total = (len(request.stops) - 1) * request.steps + 1
        for index in range(total):
            stop, step = divmod(index, request.steps)
            image = generated(request.stops[stop].seed, index, request.stops[stop].label)
            if step:
                image.ClearField("seed")
            image.index = request.stops[stop].index
            yield generator_pb2.InterpolateResponse(
                index=index, total=total, position=index / request.steps, image=image, timing=TIMING
            )

    def DescribeModels(
        self, request: generator_pb2.DescribeModelsRequest, context: Context
    ) -> generator_pb2.DescribeModelsResponse:
        self._take(request, context)
        normal = generator_pb2.LATENT_DISTRIBUTION_NORMAL
        space = generator_pb2.LatentSpace(name="z", dimensions=[100], distribution=normal)
        model = generator_pb2.GeneratorModel(
            name="fruits", version="1", spaces=[space], width=12, height=8, description="Kinds of fruit on white."
        )
        return generator_pb2.DescribeModelsResponse(models=[model])

    def Translate(self, request: translator_pb2.TranslateRequest, context: Context) -> translator_pb2.TranslateResponse:
        self._take(request, context)
        if request.image.encoded == self.bad:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "image is neither JPEG, PNG nor WebP.")
        answer = translator_pb2.TranslateResponse(direction="aerial_to_map", width=12, height=8, timing=TIMING)
        answer.image.CopyFrom(painted((0, 0, 200), request.output))
        if request.cycle:
            answer.cycled.CopyFrom(painted((200, 0, 0), request.output))
            answer.cycle_error = 0.25
        return answer

    def Stylize(
        self, request: translator_pb2.StylizeRequest, context: Context
    ) -> Iterator[translator_pb2.StylizeResponse]:
        self._take(request, context)
        steps, every = request.optimisation.steps, request.optimisation.preview_every_steps
        for step in range(1, steps + 1):
            progress = translator_pb2.StylizeProgress(step=step, total_steps=steps)
            if every and step % every == 0:
                progress.preview.CopyFrom(painted((0, 10 * step, 0), request.output))
            yield translator_pb2.StylizeResponse(progress=progress, timing=TIMING)
        result = translator_pb2.StylizeResult(image=painted((0, 250, 0), request.output), width=12, height=8)
        yield translator_pb2.StylizeResponse(result=result, timing=TIMING)

    def Dream(self, request: translator_pb2.DreamRequest, context: Context) -> Iterator[translator_pb2.DreamResponse]:
        self._take(request, context)
        octaves, steps = request.octaves or 2, request.steps or 2
        for number in range(octaves * steps):
            octave, step = divmod(number, steps)
            progress = translator_pb2.DreamProgress(
                octave=octave, total_octaves=octaves, step=step + 1, total_steps=steps, objective=number
            )
            if request.preview_every_steps:
                progress.preview.CopyFrom(painted((0, 10 * number, 0), request.output, (6 + octave, 4)))
            yield translator_pb2.DreamResponse(progress=progress, timing=TIMING)
        result = translator_pb2.DreamResult(
            image=painted((0, 250, 0), request.output),
            objective_before=0.5,
            objective_after=2,
            seed=7,
            width=12,
            height=8,
        )
        yield translator_pb2.DreamResponse(result=result, timing=TIMING)

    def Analyze(self, request: gateway_pb2.AnalyzeRequest, context: Context) -> gateway_pb2.AnalyzeResponse:
        self._take(request, context)
        return gateway_pb2.AnalyzeResponse(parts=self.parts, elapsed_us=1)

    def ListModels(self, request: gateway_pb2.ListModelsRequest, context: Context) -> gateway_pb2.ListModelsResponse:
        self._take(request, context)
        model = gateway_pb2.ModelInfo(service="detector", name="face_hog", version="1", licence="BSL-1.0", ready=True)
        away = [service for service in self.services if not service.serving]
        return gateway_pb2.ListModelsResponse(models=[model, *self.models], unreachable=away)

    def SystemStatus(
        self, request: gateway_pb2.SystemStatusRequest, context: Context
    ) -> gateway_pb2.SystemStatusResponse:
        self._take(request, context)
        return gateway_pb2.SystemStatusResponse(services=self.services)

    def _take(self, request: Message, context: Context) -> None:
        self.requests.append(request)
        if self.failures:
            self.failures.pop(0)(context)


def generated(seed: int, index: int, label: str) -> generator_pb2.GeneratedImage:
    """A PNG of 12 x 8 pixels whose red is ten times the index, as far as it goes."""
    file = io.BytesIO()
    Image.new("RGB", (12, 8), (min(10 * index, 255), 0, 0)).save(file, "PNG")
    latent = generator_pb2.LatentVector(values=[0.5], model="fruits", version="1", space="z")
    return generator_pb2.GeneratedImage(
        image=image_pb2.Image(encoded=file.getvalue()), latent=latent, seed=seed, label=label, index=index
    )


def painted(
    colour: tuple[int, int, int], output: image_pb2.ImageOutput, size: tuple[int, int] = (12, 8)
) -> image_pb2.Image:
    """A file of one colour, in the format that is asked for."""
    file = io.BytesIO()
    name = image_pb2.ImageFormat.Name(output.format).removeprefix("IMAGE_FORMAT_")
    Image.new("RGB", size, colour).save(file, "PNG" if name == "UNSPECIFIED" else name)
    return image_pb2.Image(encoded=file.getvalue())


def serve(fake: FakeImago) -> grpc.Server:
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 64 << 20)])
    detector_pb2_grpc.add_DetectorServiceServicer_to_server(fake, server)
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(fake, server)
    translator_pb2_grpc.add_TranslatorServiceServicer_to_server(fake, server)
    gateway_pb2_grpc.add_GatewayServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    return server


@pytest.fixture
def fake() -> Iterator[FakeImago]:
    fake = FakeImago()
    server = serve(fake)
    yield fake
    server.stop(None).wait()


@pytest.fixture
def second_fake() -> Iterator[FakeImago]:
    fake = FakeImago()
    server = serve(fake)
    yield fake
    server.stop(None).wait()


@pytest.fixture
def hang(fake: FakeImago) -> Iterator[Callable[[Context], object]]:
    """A failure that keeps the call until the test is over."""
    over = threading.Event()
    yield lambda context: over.wait()
    over.set()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG of 64 x 48 pixels."""
    path = tmp_path / "photo.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
