"""Small real services on loopback, and a gateway in this process in front of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx

from gateway.application import GatewayApplication
from gateway.settings import GatewaySettings
from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2, recognizer_pb2, recognizer_pb2_grpc
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.grpc_server import new_server
from services.runtime.process.health import Health
from services.runtime.process.http import HttpServer, new_app
from services.runtime.process.ports import listen
from services.runtime.telemetry import Metrics

MIB = 1 << 20
LARGE_MESSAGES = [("grpc.max_receive_message_length", 64 * MIB), ("grpc.max_send_message_length", 64 * MIB)]
Context = grpc.aio.ServicerContext[Any, Any]
FACE = image_pb2.Detection(label="face", score=1.5, box=image_pb2.Box(x_min=1, y_min=2, x_max=3, y_max=4))


@dataclass
class Detector(detector_pb2_grpc.DetectorServiceServicer):
    """Finds one face in everything, after doing what the test asks for."""

    name: str = "detector"
    first: Callable[[Any, Context], Awaitable[None]] | None = None
    calls: int = 0
    requests: list[Any] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)

    async def DetectFaces(
        self, request: detector_pb2.DetectFacesRequest, context: Context
    ) -> detector_pb2.DetectFacesResponse:
        await self._note(request, context)
        context.set_trailing_metadata((("served-by", self.name),))
        return detector_pb2.DetectFacesResponse(detections=[FACE], width=len(request.image.encoded))

    async def DetectStream(
        self, requests: AsyncIterator[detector_pb2.DetectStreamRequest], context: Context
    ) -> AsyncIterator[detector_pb2.DetectStreamResponse]:
        frames = -1
        async for request in requests:
            await self._note(request, context)
            if frames >= 0:
                yield detector_pb2.DetectStreamResponse(frame_index=frames, detections=[FACE])
            frames += 1

    async def _note(self, request: Any, context: Context) -> None:
        self.calls += 1
        self.requests.append(request)
        self.contexts.append(context)
        if self.first is not None:
            await self.first(request, context)


@dataclass
class ObjectDetector(Detector):
    """Finds, with each of its models, one object of the model's name. The empty name is its default model."""

    models: tuple[str, ...] = ("",)

    async def Detect(self, request: detector_pb2.DetectRequest, context: Context) -> detector_pb2.DetectResponse:
        await self._note(request, context)
        if request.model not in self.models:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no model '{request.model}'")
        found = image_pb2.Detection(label=request.model, score=0.9, box=FACE.box)
        return detector_pb2.DetectResponse(detections=[found], width=len(request.image.encoded))


@dataclass
class Recognizer(recognizer_pb2_grpc.RecognizerServiceServicer):
    """Takes no write at first."""

    calls: int = 0

    async def Enroll(self, request: recognizer_pb2.EnrollRequest, context: Context) -> recognizer_pb2.EnrollResponse:
        self.calls += 1
        if self.calls == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return recognizer_pb2.EnrollResponse()


class Unavailable:
    """Fails the first calls with UNAVAILABLE."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def __call__(self, _: Any, context: Context) -> None:
        self.left -= 1
        if self.left >= 0:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")


def hang_until(event: asyncio.Event) -> Callable[[Any, Context], Awaitable[None]]:
    """A service that is slow until the event is set."""

    async def wait(_: Any, __: Context) -> None:
        await event.wait()

    return wait


@asynccontextmanager
async def serving(*servicers: Any, port: int = 0) -> AsyncIterator[str]:
    """A real server for the servicers; gives its address. A servicer with `add_to` adds itself."""
    server = grpc.aio.server(options=[*LARGE_MESSAGES, ("grpc.so_reuseport", 0)])
    for servicer in servicers:
        if isinstance(servicer, Detector):
            detector_pb2_grpc.add_DetectorServiceServicer_to_server(servicer, server)
        elif isinstance(servicer, Recognizer):
            recognizer_pb2_grpc.add_RecognizerServiceServicer_to_server(servicer, server)
        else:
            servicer.add_to(server)
    if not any(isinstance(servicer, Health) for servicer in servicers):
        healthy().add_to(server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(None)


def healthy() -> Health:
    health = Health()
    health.set("", True)
    return health


@dataclass
class Gateway:
    """A running gateway: a gRPC channel and an HTTP client to it."""

    channel: grpc.aio.Channel
    grpc_address: str
    http: httpx.AsyncClient
    health: Health
    admission: Admission
    http_address: tuple[str, int]
    ready: asyncio.Task[None]


@asynccontextmanager
async def gateway(**told: Any) -> AsyncIterator[Gateway]:
    """A gateway with these settings; it does not wait for the services."""
    settings = GatewaySettings(host="127.0.0.1", grpc_port=0, http_port=0, **told)
    metrics, health, admission = Metrics(), Health(), Admission()
    application = GatewayApplication(settings, metrics.registry)
    server = new_server(settings, admission, CallRecorder())
    application.register(server)
    health.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    listener = listen("127.0.0.1", 0, "http_port")
    address = listener.getsockname()
    http_server = HttpServer(new_app(health, admission, metrics, application.routes(), application.refusal), listener)
    await server.start()
    ready = asyncio.create_task(application.start(health))
    grpc_address = f"127.0.0.1:{port}"
    channel = grpc.aio.insecure_channel(grpc_address, options=[*LARGE_MESSAGES, ("grpc.enable_retries", 0)])
    http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{address[1]}", timeout=20)
    try:
        yield Gateway(channel, grpc_address, http, health, admission, address, ready)
    finally:
        ready.cancel()
        await http.aclose()
        await channel.close(None)
        await server.stop(None)
        await application.close()
        await http_server.stop()


def nobody() -> str:
    """An address where nobody listens."""
    with listen("127.0.0.1", 0, "port") as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def photo(size: int = 1000) -> image_pb2.Image:
    """Bytes that no door looks into."""
    return image_pb2.Image(encoded=b"\xff\xd8" + b"i" * (size - 2))


async def status_of(call: Any) -> grpc.aio.AioRpcError:
    """The failure of a call that must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call succeeded")
