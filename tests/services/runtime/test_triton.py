"""The engine that calls a Triton server, against our own server of the same protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

import numpy as np
import pytest

from services.runtime.errors import (
    Cancelled,
    DeadlineExpired,
    ImagoError,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    QueueTimeout,
    StartupError,
    Unavailable,
    Unsupported,
)
from services.runtime.model import DATATYPES, InferRequest, InferResponse, Tensors
from services.runtime.triton import TritonEngine
from tests.services.runtime.protocol_fakes import FakeBackend, FakeRepository, config_of, serve, serving

ECHO = config_of(
    """name: "echo"
    input [{ name: "x" data_type: TYPE_INT32 dims: [-1] }]
    input [{ name: "s" data_type: TYPE_STRING dims: [-1] optional: true }]
    output [{ name: "x" data_type: TYPE_INT32 dims: [-1] }, { name: "s" data_type: TYPE_STRING dims: [-1] }]"""
)
REPEAT = config_of(
    """name: "repeat" model_transaction_policy { decoupled: true }
    input [{ name: "x" data_type: TYPE_INT32 dims: [1] }] output [{ name: "x" data_type: TYPE_INT32 dims: [1] }]"""
)
MAX_MESSAGE_BYTES = 2**25
Connect = Callable[..., Awaitable[TritonEngine]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Serves models and gives an engine that calls them."""
    async with AsyncExitStack() as stack:

        async def connect(*backends: FakeBackend) -> TritonEngine:
            models = [serve(config, backend) for config, backend in zip((ECHO, REPEAT), backends, strict=False)]
            engine = TritonEngine(
                await stack.enter_async_context(serving(FakeRepository(*models))), max_message_bytes=MAX_MESSAGE_BYTES
            )
            stack.push_async_callback(engine.close)
            return engine

        yield connect


def request(*values: int, model: str = "echo", **fields: Any) -> InferRequest:
    return InferRequest(model, {"x": np.array(values, np.int32)}, **fields)


def countdown(inputs: Tensors) -> Iterator[Tensors]:
    for n in range(int(inputs["x"][0]), 0, -1):
        yield {"x": np.array([n], np.int32)}


async def drain(responses: AsyncIterator[InferResponse]) -> list[InferResponse]:
    return [response async for response in responses]


async def test_tensors_go_there_and_come_back(connect: Connect) -> None:
    engine = await connect(FakeBackend())
    strings = np.array([b"a", b"\0\xff"], DATATYPES["BYTES"])
    response = await engine.infer(InferRequest("echo", {"x": np.array([1, 2, 3], np.int32), "s": strings}))
    assert response.outputs["x"].tolist() == [1, 2, 3]
    assert response.outputs["s"].tolist() == strings.tolist()


async def test_nothing_at_all_is_a_tensor_too(connect: Connect) -> None:
    response = await (await connect(FakeBackend())).infer(request())
    assert response.outputs["x"].shape == (0,)


async def test_the_round_trip_is_all_that_is_known_of_the_time(connect: Connect) -> None:
    timing = (await (await connect(FakeBackend())).infer(request(1))).timing
    assert (timing.model, timing.version, timing.queue_us, timing.batch_size) == ("echo", "1", 0, 0)
    assert timing.compute_us > 0


async def test_only_the_outputs_asked_for_come(connect: Connect) -> None:
    engine = await connect(FakeBackend(lambda inputs: {"x": inputs["x"], "s": np.array([b"s"], object)}))
    assert (await engine.infer(request(1, outputs=("s",)))).outputs.keys() == {"s"}


async def test_parameters_id_and_version_reach_the_model(connect: Connect) -> None:
    backend = FakeBackend()
    engine = await connect(backend)
    await engine.infer(request(1, id="7", version="1", parameters={"colour": "red", "timeout": 10**6, "priority": 1}))
    (seen,) = backend.seen
    assert (seen.id, seen.version) == ("7", "1")
    assert seen.parameters == {"colour": "red", "timeout": 10**6, "priority": 1}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidInput("input 'x' is wrong"), "input 'x' is wrong"),
        (NotFound("no such record"), "no such record"),
        (Unsupported("not here"), "not here"),
        (Overloaded("full"), "Exceeds maximum queue size"),
        (QueueTimeout("late"), "Request timeout expired"),
        (DeadlineExpired("late"), "late"),
        (Cancelled(""), "Triton gave no reason"),
        (Unavailable("instance restarts"), "instance restarts"),
        (ModelFailed("[request id: 7] it raised"), "it raised"),
        (ModelFailed("it raised"), "it raised"),
    ],
)
@pytest.mark.parametrize("model", ["echo", "repeat"])
async def test_an_error_comes_back_as_what_it_was(connect: Connect, error: ImagoError, text: str, model: str) -> None:
    def fail(inputs: Tensors) -> Iterator[Tensors]:
        yield inputs
        raise error

    engine = await connect(FakeBackend(lambda inputs: error), FakeBackend(responses=fail))
    call = engine.infer(request(1)) if model == "echo" else drain(engine.stream(request(1, model="repeat")))
    with pytest.raises(type(error)) as raised:
        await call
    assert type(raised.value) is type(error)
    assert str(raised.value) == text


async def test_a_stream_ends_with_an_empty_response(connect: Connect) -> None:
    engine = await connect(FakeBackend(), FakeBackend(responses=countdown))
    responses = await drain(engine.stream(request(3, model="repeat")))
    assert [response.final for response in responses] == [False, False, False, True]
    assert [response.outputs["x"][0] for response in responses[:-1]] == [3, 2, 1]
    assert responses[-1].outputs == {}


async def test_leaving_a_stream_stops_the_model_over_there(connect: Connect) -> None:
    backend = FakeBackend(responses=countdown)
    stream = (await connect(FakeBackend(), backend)).stream(request(10**6, model="repeat"))
    await anext(stream)
    await stream.aclose()
    assert await asyncio.to_thread(backend.left.wait, 5)


async def test_the_deadline_travels_and_a_cancelled_request_is_not_computed(connect: Connect) -> None:
    free = asyncio.Event()
    loop = asyncio.get_running_loop()
    busy = asyncio.Event()
    computed = []

    def hold(inputs: Tensors) -> Tensors:
        computed.append(int(inputs["x"][0]))
        loop.call_soon_threadsafe(busy.set)
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result()
        return inputs

    engine = await connect(FakeBackend(hold))
    first = asyncio.create_task(engine.infer(request(1)))
    await busy.wait()
    with pytest.raises(DeadlineExpired):
        await engine.infer(request(2, deadline=monotonic() + 0.05))
    left = asyncio.create_task(engine.infer(request(3)))
    with pytest.raises(DeadlineExpired):  # by now the request before it has arrived
        await engine.infer(request(4, deadline=monotonic() + 0.05))
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    with pytest.raises(DeadlineExpired):  # by now the cancellation has arrived
        await engine.infer(request(5, deadline=monotonic() + 0.05))
    free.set()
    await first
    await engine.infer(request(6))
    assert computed == [1, 6]


async def test_a_deadline_that_has_passed_is_not_even_sent(connect: Connect) -> None:
    engine = await connect(FakeBackend())
    with pytest.raises(DeadlineExpired, match="before the request was sent"):
        await engine.infer(request(1, deadline=monotonic() - 1))


async def test_the_configuration_is_the_models_own(connect: Connect) -> None:
    engine = await connect(FakeBackend())
    assert (await engine.model_config("echo")).inputs == ECHO.inputs
    with pytest.raises(NotFound, match="'none' is not found"):
        await engine.model_config("none")
    assert await engine.ready_models() == ["echo"]
    assert await engine.ready_versions("echo") == ("1",)
    assert await engine.ready_versions("none") == ()


async def test_a_tensor_that_the_protocol_does_not_have_is_refused_here(connect: Connect) -> None:
    engine = await connect(FakeBackend())
    with pytest.raises(InvalidInput, match="input 'x' has dtype complex64"):
        await engine.infer(InferRequest("echo", {"x": np.zeros(1, np.complex64)}))


async def test_nobody_learns_where_an_unreachable_triton_is(unused_tcp_port: int) -> None:
    engine = TritonEngine(f"127.0.0.1:{unused_tcp_port}", max_message_bytes=MAX_MESSAGE_BYTES)
    with pytest.raises(Unavailable, match="^the Triton server cannot be reached$"):
        await engine.infer(request(1))
    await engine.close()


async def test_a_triton_that_never_comes_is_the_operators_to_find(
    connect: Connect, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await (await connect(FakeBackend())).wait_until_ready(patience_s=10)
    engine = TritonEngine(f"127.0.0.1:{unused_tcp_port}", max_message_bytes=MAX_MESSAGE_BYTES)
    with pytest.raises(StartupError, match=f"Triton at 127.0.0.1:{unused_tcp_port} was not ready within 0.1 s"):
        await engine.wait_until_ready(patience_s=0.1)
    assert "waiting for Triton" in caplog.messages
    await engine.close()
