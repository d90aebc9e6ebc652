"""Composes a service: the engine, the protocols that speak to it, and the process that carries them.

It decides what starts when. It knows no task: a service's own RPCs come from the function that it registers.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import grpc
from pydantic import Field
from starlette.routing import BaseRoute

from services.runtime.backends.placement import available_cpus
from services.runtime.embedded import EmbeddedEngine
from services.runtime.errors import ImagoError, StartupError
from services.runtime.images import ImageDecoder, ImageLimits
from services.runtime.model import Engine
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Application, run
from services.runtime.process.settings import ProcessSettings, load
from services.runtime.protocol import register as register_protocol
from services.runtime.repository import ModelRepository
from services.runtime.telemetry import Metrics
from services.runtime.triton import TritonEngine


class ServiceSettings(ProcessSettings):
    """What every service over a model repository can be told."""

    model_repository: list[Path] = Field(default_factory=list)
    """Folder of models in Triton's layout; repeat it for more. A service without it serves the models it came with.
    With --engine triton only label files are read from it: Triton does not send them."""
    load_model: list[str] = Field(default_factory=list)
    """Model to serve; repeat it for more. Without it, every model of the repositories is served."""
    engine: Literal["embedded", "triton"] = "embedded"
    """What runs the models: this process, or a Triton Inference Server with a repository of its own."""
    triton_url: str = "127.0.0.1:8001"
    """host:port of Triton's gRPC endpoint, for --engine triton."""
    triton_patience_s: float = Field(default=120.0, gt=0)
    """Seconds that Triton may take to become ready after this process has started, for --engine triton."""

    max_image_mib: int = Field(default=20, ge=1)
    """Largest encoded image, in MiB."""
    max_image_megapixels: int = Field(default=50, ge=1)
    """Most pixels of one image, and of all images being decoded at once, in millions."""
    max_image_side: int = Field(default=65_535, ge=1)
    """Longest side of an image, in pixels."""
    decode_threads: int = Field(default=0, ge=0)
    """Threads that decode images; 0 for one a CPU."""


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service's own RPCs are built from. Models load later, but before any call is admitted as ready."""

    engine: Engine
    decoder: ImageDecoder
    settings: ServiceSettings


Register = Callable[[grpc.aio.Server, ServiceContext], Sequence[str]]
"""Adds a service's own RPCs to the server; returns the full names of its gRPC services."""

S = TypeVar("S", bound=ServiceSettings)


def run_service(
    settings_class: type[S],
    name: str,
    default_repositories: Sequence[Path],
    register: Register | None = None,
) -> int:
    """Be a service until told to stop; returns the exit code of the process.

    Args:
        settings_class: what the service can be told, on the command line or in the environment.
        name: of the service's package, for logs and help.
        default_repositories: the models that the service came with.
        register: adds the service's own RPCs; None makes a general model server.
    """
    what = f"Serves the models of the {name} over gRPC." if register else "Serves any model repository over gRPC."
    settings = load(settings_class, sys.argv[1:], prog=f"python -m services.{name}", description=what)
    metrics = Metrics()
    return run(settings, ModelService(name, settings, default_repositories, register, metrics), metrics)


class _Models(Protocol):
    """The half of a service that its engine decides."""

    engine: Engine

    def register(self, server: grpc.aio.Server, ready: Callable[[], bool]) -> Sequence[str]:
        """Add the engine's own RPCs; returns the full names of their services."""

    async def start(self) -> None:
        """Make the models ready."""

    async def drain(self) -> None:
        """Return when every accepted request has been answered."""

    async def close(self) -> None:
        """Free everything."""


class _EmbeddedModels:
    """Models that this process runs, for the Open Inference Protocol as well as for typed RPCs."""

    def __init__(self, roots: Sequence[Path], wanted: Sequence[str], metrics: Metrics) -> None:
        self._repository = ModelRepository(roots, load=wanted, metrics=metrics)
        self.engine: Engine = EmbeddedEngine(self._repository)

    def register(self, server: grpc.aio.Server, ready: Callable[[], bool]) -> Sequence[str]:
        return [register_protocol(self._repository, ready, server)]

    async def start(self) -> None:
        await self._repository.load()

    async def drain(self) -> None:
        await self._repository.drain()

    async def close(self) -> None:
        await self._repository.close()


class _TritonModels:
    """Models that a Triton runs. It speaks the Open Inference Protocol itself, so this process does not."""

    def __init__(self, settings: ServiceSettings, roots: Sequence[Path]) -> None:
        self._settings = settings
        self._triton = TritonEngine(
            settings.triton_url, max_message_bytes=settings.max_message_mib * 2**20, repositories=roots
        )
        self.engine: Engine = self._triton

    def register(self, _server: grpc.aio.Server, _ready: Callable[[], bool]) -> Sequence[str]:
        return []

    async def start(self) -> None:
        settings = self._settings
        await self._triton.wait_until_ready(settings.triton_patience_s)
        try:
            ready = await self._triton.ready_models()
        except ImagoError as error:
            raise StartupError(f"Triton at {settings.triton_url} does not list its models: {error}") from None
        if missing := sorted(set(settings.load_model) - set(ready)):
            raise StartupError(f"--load-model names {missing}; Triton at {settings.triton_url} has {ready} ready")

    async def drain(self) -> None:
        """Nothing waits here: Triton holds the queues."""

    async def close(self) -> None:
        await self._triton.close()


class ModelService(Application):
    """The application of every service."""

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        default_repositories: Sequence[Path],
        register: Register | None,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self._settings = settings
        self._roots = settings.model_repository or default_repositories
        self._register = register
        self._metrics = metrics
        self._models: _Models | None = None
        self._decoder: ImageDecoder | None = None
        self._health: Health | None = None

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """Raises StartupError where the settings leave nothing to serve."""
        settings = self._settings
        if settings.engine == "triton":
            if self._register is None:
                raise StartupError("--engine triton needs a service with RPCs of its own; ask Triton itself instead")
            self._models = _TritonModels(settings, self._roots)
        else:
            if not self._roots:
                raise StartupError("--model-repository (IMAGO_MODEL_REPOSITORY) must name a folder of models")
            self._models = _EmbeddedModels(self._roots, settings.load_model, self._metrics)
        services = self._models.register(server, self._is_ready)
        if self._register is None:
            return services
        self._decoder = ImageDecoder(_image_limits(settings), settings.decode_threads or available_cpus())
        return [*self._register(server, ServiceContext(self._models.engine, self._decoder, settings)), *services]

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    async def start(self, health: Health) -> None:
        self._health = health
        models = self._started()
        await models.start()
        for model in await models.engine.ready_models():
            if model in self._settings.load_model or not self._settings.load_model:
                health.set(model, True)

    async def drain(self) -> None:
        await self._started().drain()

    async def close(self) -> None:
        await self._started().close()
        if self._decoder is not None:
            self._decoder.close()

    def _is_ready(self) -> bool:
        return self._health is not None and self._health.serving()

    def _started(self) -> _Models:
        assert self._models is not None, "register comes first"
        return self._models


def _image_limits(settings: ServiceSettings) -> ImageLimits:
    return ImageLimits(
        max_bytes=settings.max_image_mib * 2**20,
        max_pixels=settings.max_image_megapixels * 10**6,
        max_side=settings.max_image_side,
    )
