"""Single requests through Triton's sync and asyncio clients, against a real server process."""

import asyncio
from pathlib import Path
from queue import Queue
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.grpc.aio import InferenceServerClient as AioClient

from tests.contract.gate import gate_held, through_gate
from tests.contract.tensors import ONES, SEQUENCE, add_sub_inputs, tensor, words
from tests.processes import ServerProcess


@pytest.mark.parametrize("model", ["simple", "add_sub"])
def test_infer(client: InferenceServerClient, model: str) -> None:
    result = client.infer(model, add_sub_inputs(), request_id="seven")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), [SEQUENCE + ONES])
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), [SEQUENCE - ONES])
    answer = result.get_response()
    assert (answer.id, answer.model_name) == ("seven", model)


@pytest.mark.parametrize("model", ["simple", "add_sub"])
async def test_aio_infer(aio_client: AioClient, model: str) -> None:
    results = await asyncio.gather(*(aio_client.infer(model, add_sub_inputs(rows)) for rows in range(1, 9)))
    for rows, result in enumerate(results, start=1):
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), [SEQUENCE + ONES] * rows)


def test_async_infer(client: InferenceServerClient) -> None:
    answered: Queue[tuple[Any, Any]] = Queue()
    for number in range(20):
        client.async_infer(
            "simple", add_sub_inputs(), lambda result, error: answered.put((result, error)), request_id=str(number)
        )
    answers = [answered.get(timeout=10) for _ in range(20)]
    assert [error for _, error in answers] == [None] * 20
    assert {result.get_response().id for result, _ in answers} == {str(number) for number in range(20)}


def test_infer_of_a_version(client: InferenceServerClient) -> None:
    for version, answered in (("1", "1"), ("3", "3"), ("", "3")):
        result = client.infer("simple", add_sub_inputs(), model_version=version)
        assert result.get_response().model_version == answered


def test_infer_of_some_outputs(client: InferenceServerClient) -> None:
    result = client.infer("simple", add_sub_inputs(), outputs=[InferRequestedOutput("OUTPUT1")])
    assert [output.name for output in result.get_response().outputs] == ["OUTPUT1"]
    assert result.as_numpy("OUTPUT0") is None


def test_infer_of_classes(client: InferenceServerClient) -> None:
    scores = tensor("INPUT0", [[0.5, 2, 1, 0], [9, 8, 7, 10]], np.float32)
    result = client.infer("scores", [scores], outputs=[InferRequestedOutput("OUTPUT0", class_count=2)])
    assert result.as_numpy("OUTPUT0").tolist() == [
        [b"2.000000:1:dog", b"1.000000:2:bird"],
        [b"10.000000:3", b"9.000000:0:cat"],
    ]


def test_string_infer(client: InferenceServerClient) -> None:
    result = client.infer("strings", [words(["abc", "", "x\0y"], [b"\xff\xfe", "ä", "1"])])
    assert result.as_numpy("OUTPUT0").tolist() == [
        [b"cba", b"", b"y\0x"],
        [b"\xfe\xff", "ä".encode()[::-1], b"1"],
    ]


def test_explicit_contents(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        numbers = {"datatype": "INT32", "shape": [1, 16], "contents": {"int_contents": SEQUENCE.tolist()}}
        inputs = [{"name": name, **numbers} for name in ("INPUT0", "INPUT1")]
        answer = stub.ModelInfer(service_pb2.ModelInferRequest(model_name="simple", inputs=inputs))
        assert np.frombuffer(answer.raw_output_contents[0], np.int32).tolist() == (2 * SEQUENCE).tolist()

        strings = {"name": "INPUT0", "datatype": "BYTES", "shape": [1, 2], "contents": {"bytes_contents": [b"ab", b""]}}
        answer = stub.ModelInfer(service_pb2.ModelInferRequest(model_name="strings", inputs=[strings]))
        assert answer.raw_output_contents[0] == b"\2\0\0\0ba\0\0\0\0"


def test_reused_inputs_infer(client: InferenceServerClient) -> None:
    inputs, outputs = add_sub_inputs(), [InferRequestedOutput("OUTPUT0")]
    for _ in range(3):
        np.testing.assert_array_equal(
            client.infer("simple", inputs, outputs=outputs).as_numpy("OUTPUT0"), [SEQUENCE + ONES]
        )


def test_custom_parameters_infer(client: InferenceServerClient) -> None:
    result = client.infer("simple", add_sub_inputs(), parameters={"colour": "red", "count": 1, "half": 0.5, "on": True})
    assert result.as_numpy("OUTPUT0") is not None


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_infer(client: InferenceServerClient, compression: str) -> None:
    result = client.infer("simple", add_sub_inputs(8), compression_algorithm=compression)
    assert result.as_numpy("OUTPUT0").shape == (8, 16)


def test_requests_that_wait_behind_a_busy_instance_are_answered_in_order(
    client: InferenceServerClient, tmp_path: Path
) -> None:
    with gate_held(client, tmp_path) as answers:
        for number in (1, 2):
            client.async_infer("gate", through_gate(), answers.of(number))
    assert [(number, error) for number, _, error in answers.take(3)] == [(0, None), (1, None), (2, None)]
