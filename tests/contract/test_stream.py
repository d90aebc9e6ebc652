"""Streams through Triton's clients: decoupled and ordinary models, errors, the end, and leaving early."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import InferenceServerClient
from tritonclient.grpc.aio import InferenceServerClient as AioClient

from tests.contract.tensors import add_sub_inputs, tensor


@contextmanager
def stream(client: InferenceServerClient, **options: Any) -> Iterator[Queue[tuple[Any, Any]]]:
    answers: Queue[tuple[Any, Any]] = Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)), **options)
    try:
        yield answers
    finally:
        client.stop_stream()


def result_of(answers: Queue[tuple[Any, Any]]) -> Any:
    result, error = answers.get(timeout=10)
    assert error is None, error
    return result


def is_final(result: Any) -> bool:
    return bool(result.get_response().parameters["triton_final_response"].bool_param)


def repeat(client: InferenceServerClient, *values: int, **options: Any) -> None:
    client.async_stream_infer("repeat", [tensor("IN", values, np.int32)], **options)


def test_custom_repeat(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        repeat(client, 7, 8, 9, request_id="r")
        results = [result_of(answers) for _ in range(3)]
    assert [result.as_numpy("OUT").tolist() for result in results] == [[7], [8], [9]]
    assert [result.as_numpy("IDX").tolist() for result in results] == [[0], [1], [2]]
    assert {result.get_response().id for result in results} == {"r"}
    assert answers.empty()


def test_custom_repeat_of_nothing_ends_with_an_empty_response(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        repeat(client, request_id="none", enable_empty_final_response=True)
        end = result_of(answers)
    assert (is_final(end), end.get_response().id, len(end.get_response().outputs)) == (True, "none", 0)
    assert answers.empty()


def test_the_empty_final_response_follows_the_last_one(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        repeat(client, 1, 2, enable_empty_final_response=True)
        assert [is_final(result_of(answers)) for _ in range(3)] == [False, False, True]


def test_ordinary_models_stream_in_order(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        for number in range(50):
            model = ("simple", "add_sub")[number % 2]
            client.async_stream_infer(model, add_sub_inputs(1 + number % 8), request_id=str(number))
        results = [result_of(answers) for _ in range(50)]
    assert [result.get_response().id for result in results] == [str(number) for number in range(50)]
    assert all(map(is_final, results))
    assert [len(result.as_numpy("OUTPUT0")) for result in results] == [1 + number % 8 for number in range(50)]


def test_requests_share_a_stream(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        repeat(client, *range(100), request_id="many")
        client.async_stream_infer("simple", add_sub_inputs(), request_id="one")
        ids = [result_of(answers).get_response().id for _ in range(101)]
    assert (ids.count("many"), ids.count("one")) == (100, 1)


def test_an_error_leaves_the_stream_open(client: InferenceServerClient) -> None:
    with stream(client) as answers:
        client.async_stream_infer("none", add_sub_inputs())
        repeat(client, 1, -5)
        client.async_stream_infer("simple", add_sub_inputs())
        received = [answers.get(timeout=10) for _ in range(4)]
    errors = {error.message() for _, error in received if error}
    assert errors == {"Request for unknown model: 'none' is not found", "value -5 is below 0"}
    assert len([result for result, _ in received if result]) == 2


def test_an_error_ends_a_stream_that_wants_statuses(client: InferenceServerClient) -> None:
    with stream(client, headers={"triton_grpc_error": "true"}) as answers:
        client.async_stream_infer("none", add_sub_inputs())
        _, error = answers.get(timeout=10)
    assert error.status() == str(grpc.StatusCode.NOT_FOUND)
    assert error.message() == "Request for unknown model: 'none' is not found"


def test_a_cancelled_stream_frees_its_model(client: InferenceServerClient) -> None:
    answers: Queue[tuple[Any, Any]] = Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    repeat(client, *range(100_000))
    assert result_of(answers).as_numpy("OUT").tolist() == [0]
    client.stop_stream(cancel_requests=True)
    *_, (_, error) = [answers.get_nowait() for _ in range(answers.qsize())]
    assert error.status() == str(grpc.StatusCode.CANCELLED)
    with stream(client) as again:
        repeat(client, 1)
        assert result_of(again).as_numpy("OUT").tolist() == [1]


def test_a_stream_has_a_deadline(client: InferenceServerClient) -> None:
    with stream(client, stream_timeout=0.2) as answers:
        _, error = answers.get(timeout=10)
    assert error.status() == str(grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_aio_streams_run_side_by_side(aio_client: AioClient) -> None:
    async def run(count: int) -> list[int]:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "repeat", "inputs": [tensor("IN", range(count), np.int32)]}

        values = []
        async for result, error in aio_client.stream_infer(requests()):
            assert error is None
            values.append(int(result.as_numpy("OUT")[0]))
        return values

    counts = (1, 30, 3, 300)
    assert await asyncio.gather(*map(run, counts)) == [list(range(count)) for count in counts]
