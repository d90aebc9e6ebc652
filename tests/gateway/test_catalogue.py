from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from imago.v1 import gateway_pb2, gateway_pb2_grpc
from services.runtime.process.health import Health
from tests.gateway.fakes import Context, Detector, gateway, nobody, serving


class Models(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # untyped stubs
    """A service with these models, by name: task, or None when it is not ready."""

    def __init__(self, *, not_loaded: Sequence[str] = (), **tasks: str | None) -> None:
        self._tasks = tasks
        self._not_loaded = not_loaded

    def add_to(self, server: grpc.aio.Server) -> None:
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, server)

    async def RepositoryIndex(self, _: Any, __: Context) -> Any:
        response = service_pb2.RepositoryIndexResponse()
        for name, task in self._tasks.items():
            state, reason = ("READY", "") if task is not None else ("UNAVAILABLE", "no memory")
            response.models.add(name=name, version="1", state=state, reason=reason)
        for name in self._not_loaded:
            response.models.add(name=name)
        return response

    async def ModelConfig(self, request: Any, _: Context) -> Any:
        response = service_pb2.ModelConfigResponse()
        response.config.parameters["imago.task"].string_value = self._tasks[request.name] or ""
        response.config.parameters["imago.licence"].string_value = "BSL-1.0"
        return response


async def list_models(**settings: Any) -> gateway_pb2.ListModelsResponse:
    async with gateway(**settings) as door:
        return await gateway_pb2_grpc.GatewayServiceStub(door.channel).ListModels(gateway_pb2.ListModelsRequest())


async def test_models_of_all_services_are_listed_with_task_and_licence() -> None:
    detector, recognizer = Models(face_hog="face-detection", broken=None), Models(embed="face-embedding")
    async with serving(detector) as one, serving(recognizer) as two:
        response = await list_models(detector=one, recognizer=two)
    assert list(response.models) == [
        gateway_pb2.ModelInfo(service="detector", name="broken", version="1", reason="no memory"),
        gateway_pb2.ModelInfo(
            service="detector", name="face_hog", version="1", task="face-detection", licence="BSL-1.0", ready=True
        ),
        gateway_pb2.ModelInfo(
            service="recognizer", name="embed", version="1", task="face-embedding", licence="BSL-1.0", ready=True
        ),
    ]
    assert not response.unreachable


async def test_a_moved_model_is_told_by_its_own_address_alone() -> None:
    home, away = Models(face_hog="a", face_mmod="old"), Models(face_mmod="new", face_hog="stray")
    async with serving(home) as here, serving(away) as there:
        routes = [f"detector/face_mmod={there}", f"detector/face_hog={here}"]
        response = await list_models(detector=here, routes=routes)
    assert [(model.name, model.task) for model in response.models] == [("face_hog", "a"), ("face_mmod", "new")]


async def test_a_model_that_an_address_was_not_told_to_load_is_told_by_the_one_that_serves_it() -> None:
    home, away = Models(face_hog="a", not_loaded=["face_mmod"]), Models(face_mmod="b", not_loaded=["face_hog"])
    async with serving(home) as here, serving(away) as there:
        response = await list_models(detector=here, routes=[f"detector/face_mmod={there}"])
        alone = await list_models(detector=here)
    assert [(model.name, model.task, model.ready) for model in response.models] == [
        ("face_hog", "a", True),
        ("face_mmod", "b", True),
    ]
    assert [model.name for model in alone.models] == ["face_hog"]


async def test_a_model_that_two_addresses_load_is_told_by_the_one_that_answers() -> None:
    home, away = Models(landmarks="home"), Models(landmarks="away", face_mmod="b")
    async with serving(home) as here, serving(away) as there:
        response = await list_models(detector=here, routes=[f"detector/face_mmod={there}"])
    assert [(model.name, model.task) for model in response.models] == [("face_mmod", "b"), ("landmarks", "home")]


async def test_a_model_that_is_still_loading_is_told_with_its_state() -> None:
    class Loading(Models):
        async def RepositoryIndex(self, _: Any, __: Context) -> Any:
            response = service_pb2.RepositoryIndexResponse()
            response.models.add(name="face_mmod", state="LOADING")
            return response

    async with serving(Loading()) as address:
        (model,) = (await list_models(detector=address)).models
    assert (model.name, model.ready, model.reason) == ("face_mmod", False, "its state is LOADING")


async def test_a_service_that_cannot_be_asked_is_named_with_its_reason() -> None:
    away = nobody()
    async with serving(Models(face_hog="face-detection")) as address:
        response = await list_models(detector=address, generator=away)
    assert [model.name for model in response.models] == ["face_hog"]
    lost = response.unreachable[0]
    assert (lost.service, lost.address, lost.serving) == ("generator", away, False)
    assert lost.reason == f"generator at {away} is not reachable."


@pytest.mark.parametrize("state", ["serves", "is not ready", "is not reachable"])
async def test_the_status_of_a_service_is_its_health_check_and_how_long_that_took(state: str) -> None:
    servicers = (Detector(), Health()) if state == "is not ready" else (Detector(),)
    async with serving(*servicers) as served:
        address = nobody() if state == "is not reachable" else served
        async with gateway(detector=f"dns:///{address}") as door:
            stub = gateway_pb2_grpc.GatewayServiceStub(door.channel)
            (status,) = (await stub.SystemStatus(gateway_pb2.SystemStatusRequest())).services
    assert (status.service, status.address) == ("detector", address)
    assert status.serving == (state == "serves")
    assert status.reason == ("" if state == "serves" else f"detector at {address} {state}.")
    assert 0 < status.elapsed_us < 5_000_000
