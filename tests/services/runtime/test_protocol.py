"""What each RPC of the Open Inference Protocol answers, over a real gRPC connection with Triton's own client."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc import StatusCode
from tritonclient.grpc import InferInput, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from services.runtime.errors import (
    Cancelled,
    DeadlineExpired,
    ImagoError,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    QueueTimeout,
    Unavailable,
    Unsupported,
)
from services.runtime.model import Tensors
from services.runtime.protocol import SERVER_VERSION
from tests.services.runtime.protocol_fakes import FakeBackend, FakeRepository, config_of, serve, serving

ECHO = config_of(
    """name: "echo" max_batch_size: 4 backend: "python"
    input [{ name: "x" data_type: TYPE_INT32 dims: [2] }]
    output [{ name: "x" data_type: TYPE_INT32 dims: [2] }, { name: "double" data_type: TYPE_INT32 dims: [2] }]""",
    labels={"x": ("cat", "dog")},
)
REPEAT = config_of(
    """name: "repeat" model_transaction_policy { decoupled: true }
    input [{ name: "x" data_type: TYPE_INT32 dims: [2] }] output [{ name: "x" data_type: TYPE_INT32 dims: [2] }]"""
)
Connect = Callable[..., Awaitable[InferenceServerClient]]


def echo(inputs: Tensors) -> Tensors:
    return {"x": inputs["x"], "double": 2 * inputs["x"]}


def forever(inputs: Tensors) -> Iterator[Tensors]:
    while True:
        yield inputs


def pair(*values: int, rows: int = 1) -> InferInput:
    array = np.array([values] * rows, np.int32)
    return InferInput("x", list(array.shape), "INT32").set_data_from_numpy(array)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Serves models and gives a client of them."""
    async with AsyncExitStack() as stack:

        async def connect(*backends: FakeBackend) -> InferenceServerClient:
            models = [serve(config, backend) for config, backend in zip((ECHO, REPEAT), backends, strict=False)]
            url = await stack.enter_async_context(serving(FakeRepository(*models)))
            return await stack.enter_async_context(InferenceServerClient(url))

        yield connect


async def test_a_request_comes_back_with_its_id_its_version_and_all_outputs(connect: Connect) -> None:
    client = await connect(FakeBackend(echo))
    result = await client.infer("echo", [pair(1, 2, rows=3)], request_id="7")
    answer = result.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "echo", "1")
    np.testing.assert_array_equal(result.as_numpy("double"), [[2, 4]] * 3)
    assert [output.name for output in answer.outputs] == ["x", "double"]
    assert len(answer.raw_output_contents) == 2


async def test_only_the_outputs_asked_for_are_sent(connect: Connect) -> None:
    client = await connect(FakeBackend(echo))
    result = await client.infer("echo", [pair(1, 2)], outputs=[InferRequestedOutput("double")])
    assert [output.name for output in result.get_response().outputs] == ["double"]


async def test_an_output_can_come_as_classes(connect: Connect) -> None:
    client = await connect(FakeBackend(echo))
    wanted = [InferRequestedOutput("x", class_count=1), InferRequestedOutput("double")]
    result = await client.infer("echo", [pair(3, 5, rows=2)], outputs=wanted)
    assert result.as_numpy("x").tolist() == [[b"5:1:dog"], [b"5:1:dog"]]
    assert result.as_numpy("double").tolist() == [[6, 10], [6, 10]]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InvalidInput("no"), StatusCode.INVALID_ARGUMENT, "no"),
        (NotFound("no"), StatusCode.NOT_FOUND, "no"),
        (Unsupported("no"), StatusCode.UNIMPLEMENTED, "no"),
        (Overloaded("8 requests wait"), StatusCode.UNAVAILABLE, "Exceeds maximum queue size"),
        (QueueTimeout("waited 5 ms"), StatusCode.UNAVAILABLE, "Request timeout expired"),
        (DeadlineExpired("no"), StatusCode.DEADLINE_EXCEEDED, "no"),
        (Cancelled("no"), StatusCode.CANCELLED, ""),
        (Unavailable("no"), StatusCode.UNAVAILABLE, "no"),
        (ModelFailed("no"), StatusCode.INTERNAL, "no"),
    ],
)
async def test_every_error_has_tritons_code_and_text(
    connect: Connect, error: ImagoError, code: StatusCode, text: str
) -> None:
    client = await connect(FakeBackend(lambda inputs: error))
    with pytest.raises(InferenceServerException) as refusal:
        await client.infer("echo", [pair(1, 2)])
    assert (refusal.value.status(), refusal.value.message() or "") == (str(code), text)


async def test_a_decoupled_model_is_not_for_single_answers(connect: Connect) -> None:
    client = await connect(FakeBackend(), FakeBackend())
    with pytest.raises(
        InferenceServerException, match="ModelInfer RPC doesn't support models with decoupled"
    ) as refusal:
        await client.infer("repeat", [InferInput("x", [2], "INT32").set_data_from_numpy(np.zeros(2, np.int32))])
    assert refusal.value.status() == str(StatusCode.UNIMPLEMENTED)


async def test_a_request_whose_call_has_expired_is_never_computed(connect: Connect) -> None:
    free = asyncio.Event()
    loop = asyncio.get_running_loop()
    busy = asyncio.Event()
    computed = []

    def hold(inputs: Tensors) -> Tensors:
        computed.append(inputs["x"][0, 0])
        loop.call_soon_threadsafe(busy.set)
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result()
        return inputs

    client = await connect(FakeBackend(hold))
    first = asyncio.create_task(client.infer("echo", [pair(1, 1)]))
    await busy.wait()
    with pytest.raises(InferenceServerException) as refusal:
        await client.infer("echo", [pair(2, 2)], client_timeout=0.05)
    assert refusal.value.status() == str(StatusCode.DEADLINE_EXCEEDED)
    free.set()
    await first
    await client.infer("echo", [pair(3, 3)])
    assert computed == [1, 3]


async def test_a_client_that_leaves_a_stream_stops_its_model(connect: Connect, caplog: Any) -> None:
    backend = FakeBackend(responses=forever)
    client = await connect(FakeBackend(), backend)

    async def requests() -> AsyncIterator[dict[str, Any]]:
        tensor = InferInput("x", [2], "INT32").set_data_from_numpy(np.zeros(2, np.int32))
        yield {"model_name": "repeat", "inputs": [tensor]}

    call = client.stream_infer(requests())
    async for result, error in call:
        assert error is None
        assert result.as_numpy("x").tolist() == [0, 0]
        break
    call.cancel()
    assert await asyncio.to_thread(backend.left.wait, 5)
    assert "internal error" not in caplog.text


async def test_a_stream_can_ask_for_a_status_instead_of_a_message(connect: Connect) -> None:
    client = await connect(FakeBackend())

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "none", "inputs": [pair(1, 2)]}

    answers = client.stream_infer(requests(), headers={"triton_grpc_error": "true"})
    with pytest.raises(grpc.aio.AioRpcError, match="'none' is not found") as refusal:
        await anext(answers)
    assert refusal.value.code() == StatusCode.NOT_FOUND


async def test_the_server_says_what_it_is(connect: Connect) -> None:
    client = await connect(FakeBackend())
    assert await client.is_server_live()
    assert await client.is_server_ready()
    metadata = await client.get_server_metadata()
    assert (metadata.name, metadata.version) == ("imago", SERVER_VERSION)
    assert list(metadata.extensions) == ["classification", "model_configuration", "parameters", "statistics"]


def test_the_servers_version_is_the_projects() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == SERVER_VERSION


async def test_a_model_says_what_it_takes_and_gives(connect: Connect) -> None:
    client = await connect(FakeBackend())
    metadata = await client.get_model_metadata("echo")
    assert (metadata.name, list(metadata.versions), metadata.platform) == ("echo", ["1"], "python")
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [("x", "INT32", [-1, 2])]
    assert [t.name for t in metadata.outputs] == ["x", "double"]
    assert (await client.get_model_config("echo")).config == ECHO.message
    assert await client.is_model_ready("echo")
    assert not await client.is_model_ready("none")


@pytest.mark.parametrize("ask", ["get_model_metadata", "get_model_config", "get_inference_statistics"])
async def test_of_an_unknown_model_nothing_is_said(connect: Connect, ask: str) -> None:
    client = await connect(FakeBackend())
    with pytest.raises(InferenceServerException, match="Request for unknown model: 'none' is not found"):
        await getattr(client, ask)("none")


async def test_statistics_count_rows_batches_and_failures(connect: Connect) -> None:
    client = await connect(FakeBackend(echo), FakeBackend())
    await client.infer("echo", [pair(1, 2, rows=3)])
    statistics = await client.get_inference_statistics()
    assert [(each.name, each.version) for each in statistics.model_stats] == [("echo", "1"), ("repeat", "1")]
    counts = (await client.get_inference_statistics("echo", "1")).model_stats[0]
    assert (counts.inference_count, counts.execution_count) == (3, 1)
    assert counts.inference_stats.success.count == 1
    assert counts.inference_stats.success.ns >= counts.inference_stats.queue.ns
    assert counts.last_inference > 0
    assert [(batch.batch_size, batch.compute_infer.count) for batch in counts.batch_stats] == [(3, 1)]


async def test_the_index_names_every_model(connect: Connect) -> None:
    client = await connect(FakeBackend(), FakeBackend())
    index = await client.get_model_repository_index()
    assert [(m.name, m.version, m.state) for m in index.models] == [("echo", "1", "READY"), ("repeat", "1", "READY")]


UNSERVED = [
    ("RepositoryModelLoad", StatusCode.UNAVAILABLE, "explicit model load / unload is not allowed"),
    ("RepositoryModelUnload", StatusCode.UNAVAILABLE, "explicit model load / unload is not allowed"),
    *(
        (f"{kind}SharedMemory{verb}", StatusCode.UNIMPLEMENTED, "shared memory is not supported")
        for kind in ("System", "Cuda")
        for verb in ("Status", "Register", "Unregister")
    ),
    ("TraceSetting", StatusCode.UNIMPLEMENTED, "tracing is not supported"),
    ("LogSettings", StatusCode.UNIMPLEMENTED, "log settings cannot change while the server runs"),
]


@pytest.mark.parametrize(("method", "code", "sentence"), UNSERVED)
async def test_what_is_not_served_is_refused_by_a_sentence(method: str, code: StatusCode, sentence: str) -> None:
    request = getattr(service_pb2, f"{method}Request")()
    async with serving(FakeRepository()) as url, grpc.aio.insecure_channel(url) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match=sentence) as refusal:
            await getattr(service_pb2_grpc.GRPCInferenceServiceStub(channel), method)(request)
    assert refusal.value.code() == code


async def test_a_repository_cannot_be_named() -> None:
    async with serving(FakeRepository()) as url, grpc.aio.insecure_channel(url) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="'repository_name' specification is not supported"):
            await service_pb2_grpc.GRPCInferenceServiceStub(channel).RepositoryIndex(
                service_pb2.RepositoryIndexRequest(repository_name="other")
            )
