"""Many requests on one stream: order, interleaving, back-pressure, cancellation and the two ways to tell an error."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from math import inf
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from services.runtime.errors import ImagoError, InvalidInput, NotFound
from services.runtime.model import Tensors
from services.runtime.protocol_stream import MAX_OPEN_REQUESTS, InferenceStream
from services.runtime.streams import UNREAD_RESPONSES
from tests.services.runtime.protocol_fakes import FakeBackend, FakeRepository, config_of, serve

TENSORS = 'input [{ name: "x" data_type: TYPE_INT32 dims: [1] }] output [{ name: "x" data_type: TYPE_INT32 dims: [1] }]'
ORDINARY = config_of(f'name: "echo" {TENSORS}')
DECOUPLED = config_of(f'name: "repeat" {TENSORS} model_transaction_policy {{ decoupled: true }}')


def message(model: str, value: int = 1, *, empty_final: bool = False) -> Any:
    request = service_pb2.ModelInferRequest(
        model_name=model,
        id=str(value),
        inputs=[{"name": "x", "datatype": "INT32", "shape": [1]}],
        raw_input_contents=[np.int32(value).tobytes()],
    )
    if empty_final:
        request.parameters["triton_enable_empty_final_response"].bool_param = True
    return request


def repeat(inputs: Tensors) -> Iterator[Tensors]:
    for n in range(int(inputs["x"][0])):
        yield {"x": np.array([n], np.int32)}


async def send(*messages: Any) -> AsyncIterator[Any]:
    for each in messages:
        yield each


def value_of(response: Any) -> int:
    return int(np.frombuffer(response.infer_response.raw_output_contents[0], np.int32)[0])


def is_final(response: Any) -> bool:
    return bool(response.infer_response.parameters["triton_final_response"].bool_param)


async def collect(repository: Any, *messages: Any, errors_end_stream: bool = False) -> list[Any]:
    written: list[Any] = []

    async def write(response: Any) -> None:
        written.append(response)

    stream = InferenceStream(repository, write, deadline=inf, errors_end_stream=errors_end_stream)
    await stream.run(send(*messages))
    return written


async def test_ordinary_answers_keep_the_order_of_their_requests() -> None:
    second_is_done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(inputs: Tensors) -> Tensors:
        asyncio.run_coroutine_threadsafe(second_is_done.wait(), loop).result()
        return inputs

    def fast(inputs: Tensors) -> Tensors:
        loop.call_soon_threadsafe(second_is_done.set)
        return inputs

    quick = config_of(f'name: "quick" {TENSORS}')
    repository = FakeRepository(serve(ORDINARY, FakeBackend(slow)), serve(quick, FakeBackend(fast)))
    answers = await collect(repository, message("echo", 1), message("quick", 2))
    assert [value_of(answer) for answer in answers] == [1, 2]
    assert all(map(is_final, answers))


async def test_a_decoupled_model_answers_as_often_as_it_likes() -> None:
    repository = FakeRepository(serve(DECOUPLED, FakeBackend(responses=repeat)))
    assert [value_of(answer) for answer in await collect(repository, message("repeat", 3))] == [0, 1, 2]
    assert await collect(repository, message("repeat", 0)) == []


async def test_whoever_wants_it_is_told_the_end_by_an_empty_answer() -> None:
    repository = FakeRepository(serve(DECOUPLED, FakeBackend(responses=repeat)))
    answers = await collect(repository, message("repeat", 2, empty_final=True))
    assert [is_final(answer) for answer in answers] == [False, False, True]
    assert (len(answers[-1].infer_response.outputs), answers[-1].infer_response.id) == (0, "2")


async def test_an_error_is_a_message_and_the_stream_goes_on() -> None:
    def refuse(inputs: Tensors) -> Tensors | ImagoError:
        return InvalidInput("no twos") if inputs["x"][0] == 2 else inputs

    repository = FakeRepository(serve(ORDINARY, FakeBackend(refuse)))
    answers = await collect(repository, message("echo", 1), message("echo", 2), message("none", 3), message("echo", 4))
    assert [answer.error_message for answer in answers] == [
        "",
        "no twos",
        "Request for unknown model: 'none' is not found",
        "",
    ]
    assert [answer.infer_response.id for answer in answers] == ["1", "2", "3", "4"]


async def test_a_decoupled_model_may_fail_after_some_answers() -> None:
    def fail(inputs: Tensors) -> Iterator[Tensors]:
        yield inputs
        raise InvalidInput("enough")

    repository = FakeRepository(serve(DECOUPLED, FakeBackend(responses=fail)))
    first, last = await collect(repository, message("repeat", 5))
    assert value_of(first) == 5
    assert (last.error_message, is_final(last), last.infer_response.id) == ("enough", True, "5")


async def test_the_first_error_ends_a_stream_that_asked_for_it() -> None:
    repository = FakeRepository(serve(ORDINARY, FakeBackend()))
    with pytest.raises(NotFound, match="'none' is not found"):
        await collect(repository, message("none"), message("echo"), errors_end_stream=True)


async def test_a_model_waits_for_a_reader_that_does_not_read() -> None:
    backend = FakeBackend(responses=repeat)
    may_write = asyncio.Event()
    full = asyncio.Event()
    written: list[Any] = []

    async def write(response: Any) -> None:
        full.set()
        await may_write.wait()
        written.append(response)

    stream = InferenceStream(
        FakeRepository(serve(DECOUPLED, backend)),  # type: ignore[arg-type]
        write,
        deadline=inf,
        errors_end_stream=False,
    )
    running = asyncio.create_task(stream.run(send(message("repeat", 100))))
    await full.wait()
    assert backend.sent <= UNREAD_RESPONSES + 2  # those that wait, the one being written, the one just handed over
    may_write.set()
    await running
    assert len(written) == 100


async def test_no_more_requests_are_read_than_may_be_open() -> None:
    read = 0
    all_read = asyncio.Event()
    may_write = asyncio.Event()

    async def endless() -> AsyncIterator[Any]:
        nonlocal read
        while read < 3 * MAX_OPEN_REQUESTS:
            read += 1
            if read == MAX_OPEN_REQUESTS + 1:
                all_read.set()
            yield message("echo", read)

    async def write(_response: Any) -> None:
        await may_write.wait()

    stream = InferenceStream(
        FakeRepository(serve(ORDINARY, FakeBackend())),  # type: ignore[arg-type]
        write,
        deadline=inf,
        errors_end_stream=False,
    )
    running = asyncio.create_task(stream.run(endless()))
    await all_read.wait()
    assert read == MAX_OPEN_REQUESTS + 1
    may_write.set()
    await running
    assert read == 3 * MAX_OPEN_REQUESTS


async def test_leaving_the_stream_cancels_what_is_open() -> None:
    backend = FakeBackend(responses=repeat)
    writing = asyncio.Event()

    async def write(_response: Any) -> None:
        writing.set()
        await asyncio.Event().wait()

    stream = InferenceStream(
        FakeRepository(serve(DECOUPLED, backend)),  # type: ignore[arg-type]
        write,
        deadline=inf,
        errors_end_stream=False,
    )
    running = asyncio.create_task(stream.run(send(message("repeat", 10**6))))
    await writing.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(backend.left.wait, 5)
