"""A service composed for either engine: what it registers, what it calls ready, and what it refuses to start with."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc.aio import InferenceServerClient

from services.runtime.errors import StartupError
from services.runtime.model import InferRequest
from services.runtime.process.health import Health
from services.runtime.process.settings import load
from services.runtime.server import ModelService, ServiceContext, ServiceSettings
from services.runtime.telemetry import Metrics
from tests.repositories import floats, write_scale

PROTOCOL = "inference.GRPCInferenceService"


class TypedService:
    """Stands for a service's own RPCs: keeps the context that they would be built from."""

    def register(self, server: grpc.aio.Server, context: ServiceContext) -> Sequence[str]:
        self.context = context
        return ["imago.v1.TestService"]

    async def double(self, value: float) -> float:
        response = await self.context.engine.infer(InferRequest("scale", {"x": floats([value] * 3)}))
        return float(response.outputs["y"][0, 0])


@dataclass
class Running:
    address: str
    services: list[str]
    health: Health


Start = Callable[..., Awaitable[Running]]


def settings(*flags: str) -> ServiceSettings:
    return load(ServiceSettings, flags, prog="test", description="")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Runs services on loopback, in the order of `process.lifecycle`, without its signals."""
    async with AsyncExitStack() as stack:

        async def start(*flags: str, typed: TypedService | None = None, models: Sequence[Path] = ()) -> Running:
            register = typed.register if typed else None
            service = ModelService("test", settings(*flags), models, register, Metrics())
            server = grpc.aio.server()
            services = list(service.register(server))
            stack.push_async_callback(service.close)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            stack.push_async_callback(server.stop, None)
            health = Health()
            await service.start(health)
            health.set("", True)
            await service.drain()
            return Running(f"127.0.0.1:{port}", services, health)

        yield start


async def test_typed_rpcs_and_the_protocol_share_one_engine(start: Start, tmp_path: Path) -> None:
    write_scale(tmp_path)
    typed = TypedService()
    running = await start(typed=typed, models=[tmp_path])
    assert running.services == ["imago.v1.TestService", PROTOCOL]
    assert await typed.double(2) == 4
    async with InferenceServerClient(running.address) as client:
        assert (await client.get_inference_statistics("scale")).model_stats[0].inference_count == 1


async def test_every_model_has_a_health_name_of_its_own(start: Start, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_scale(tmp_path, name)
    health = (await start(f"--model-repository={tmp_path}")).health
    assert health.serving("one")
    assert health.serving("two")
    health = (await start(f"--model-repository={tmp_path}", "--load-model=two")).health
    assert not health.serving("one")
    assert health.serving("two")


async def test_repositories_that_are_named_replace_those_that_came_along(start: Start, tmp_path: Path) -> None:
    write_scale(tmp_path / "ours", "ours")
    write_scale(tmp_path / "theirs", "theirs")
    running = await start(f"--model-repository={tmp_path / 'theirs'}", models=[tmp_path / "ours"])
    assert not running.health.serving("ours")
    assert running.health.serving("theirs")


async def test_the_server_is_ready_when_the_process_is(start: Start, tmp_path: Path) -> None:
    write_scale(tmp_path)
    running = await start(models=[tmp_path])
    async with InferenceServerClient(running.address) as client:
        assert await client.is_server_ready()
        running.health.shut_down("draining")
        assert await client.is_server_live()
        assert not await client.is_server_ready()


async def test_triton_runs_the_models_and_speaks_the_protocol_itself(start: Start, tmp_path: Path) -> None:
    write_scale(tmp_path)
    triton = await start(models=[tmp_path])
    typed = TypedService()
    running = await start("--engine=triton", f"--triton-url={triton.address}", typed=typed, models=[tmp_path / "none"])
    assert running.services == ["imago.v1.TestService"]
    assert running.health.serving("scale")
    assert await typed.double(2) == 4
    async with InferenceServerClient(triton.address) as client:
        assert (await client.get_inference_statistics("scale")).model_stats[0].inference_count == 1


async def test_triton_must_have_the_models_that_are_wanted(start: Start, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_scale(tmp_path, name)
    triton = await start(models=[tmp_path])
    flags = ["--engine=triton", f"--triton-url={triton.address}"]
    with pytest.raises(StartupError, match=r"--load-model names \['three'\]; Triton at .* has \['one', 'two'\] ready"):
        await start(*flags, "--load-model=three", typed=TypedService())
    running = await start(*flags, "--load-model=one", typed=TypedService())
    assert running.health.serving("one")
    assert not running.health.serving("two")


async def test_a_triton_that_is_not_there_stops_the_start(start: Start, unused_tcp_port: int) -> None:
    flags = ["--engine=triton", f"--triton-url=127.0.0.1:{unused_tcp_port}", "--triton-patience-s=0.1"]
    with pytest.raises(StartupError, match="was not ready within 0.1 s"):
        await start(*flags, typed=TypedService())


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [([], "--model-repository"), (["--engine=triton"], "--engine triton needs a service with RPCs of its own")],
)
async def test_a_service_with_nothing_to_serve_does_not_start(start: Start, flags: list[str], complaint: str) -> None:
    with pytest.raises(StartupError, match=complaint):
        await start(*flags)


async def test_images_are_limited_by_the_settings(start: Start, tmp_path: Path) -> None:
    write_scale(tmp_path)
    typed = TypedService()
    flags = ["--max-image-mib=1", "--max-image-megapixels=2", "--max-image-side=3"]
    await start(*flags, typed=typed, models=[tmp_path])
    limits = typed.context.decoder.limits
    assert (limits.max_bytes, limits.max_pixels, limits.max_side) == (2**20, 2 * 10**6, 3)


def test_flags_and_environment_name_several_folders_and_models(monkeypatch: Any) -> None:
    assert settings("--model-repository=a", "--model-repository=b").model_repository == [Path("a"), Path("b")]
    monkeypatch.setenv("IMAGO_MODEL_REPOSITORY", "a,b")
    monkeypatch.setenv("IMAGO_LOAD_MODEL", "one, two")
    assert settings().model_repository == [Path("a"), Path("b")]
    assert settings().load_model == ["one", "two"]
