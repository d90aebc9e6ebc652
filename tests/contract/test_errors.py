"""Triton's error codes and texts, one test a row, against a real server process."""

# ruff: noqa: E501 - the rows of a table stay on one line

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.grpc.aio import InferenceServerClient as AioClient
from tritonclient.utils import InferenceServerException

from tests.contract.gate import Answers, gate_held, through_gate
from tests.contract.tensors import ONES, SEQUENCE, add_sub_inputs, tensor
from tests.processes import ServerProcess, server_process

Call = Callable[[InferenceServerClient], Any]
INVALID, NOT_FOUND = StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND
UNAVAILABLE, UNIMPLEMENTED = StatusCode.UNAVAILABLE, StatusCode.UNIMPLEMENTED


def infer(*inputs: InferInput, model: str = "simple", **options: Any) -> Call:
    return lambda client: client.infer(model, list(inputs) or add_sub_inputs(), **options)


def short_of_bytes() -> InferInput:
    """Says 16 numbers and carries 15."""
    short = tensor("INPUT0", [SEQUENCE])
    short._raw_content = short._raw_content[:-4]
    return short


ROW = tensor("INPUT1", [ONES])
TABLE = {
    "unknown model": (infer(model="none"), NOT_FOUND, "Request for unknown model: 'none' is not found"),
    "unknown version": (infer(model_version="9"), NOT_FOUND, "Request for unknown model: 'simple' version 9 is not found"),
    "version is no number": (infer(model_version="new"), INVALID, "failed to get model version from specified version string 'new'"),
    "wrong shape": (infer(tensor("INPUT0", [[1, 2]], np.int32), ROW), INVALID, "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,2]."),
    "no batch axis": (infer(tensor("INPUT0", SEQUENCE), ROW), INVALID, "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [16]."),
    "wrong datatype": (infer(tensor("INPUT0", [SEQUENCE], np.float16), ROW), INVALID, "inference input 'INPUT0' data-type is 'FP16', but model 'simple' expects 'INT32'"),
    "batch too large": (infer(*add_sub_inputs(9)), INVALID, "inference request batch-size must be <= 8 for 'simple'"),
    "too few bytes": (infer(short_of_bytes(), ROW), INVALID, "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 60"),
    "unequal batches": (infer(tensor("INPUT0", [SEQUENCE] * 2), ROW), INVALID, "batch size does not match other inputs for 'simple'"),
    "unknown input": (infer(*add_sub_inputs(), tensor("INPUT2", [1], np.int32)), INVALID, "unexpected inference input 'INPUT2' for model 'simple'"),
    "missing input": (infer(ROW), INVALID, "but missing required input(s) ['INPUT0']"),
    "unknown output": (infer(outputs=[InferRequestedOutput("OUT")]), INVALID, "unexpected inference output 'OUT' for model 'simple'"),
    "decoupled": (infer(tensor("IN", [1], np.int32), model="repeat"), UNIMPLEMENTED, "ModelInfer RPC doesn't support models with decoupled transaction policy"),
    "load": (lambda client: client.load_model("simple"), UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled"),
    "unload": (lambda client: client.unload_model("simple"), UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled"),
    "shared memory": (lambda client: client.get_system_shared_memory_status(), UNIMPLEMENTED, "shared memory is not supported"),
    "trace": (lambda client: client.get_trace_settings(), UNIMPLEMENTED, "tracing is not supported"),
    "metadata of unknown": (lambda client: client.get_model_metadata("none"), NOT_FOUND, "Request for unknown model: 'none' is not found"),
    "config of unknown": (lambda client: client.get_model_config("simple", "2"), NOT_FOUND, "'simple' version 2 is not found"),
    "statistics of unknown": (lambda client: client.get_inference_statistics("none"), NOT_FOUND, "'none' is not found"),
    "readiness of no number": (lambda client: client.is_model_ready("simple", "new"), INVALID, "version string 'new'"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "code", "text"), TABLE.values(), ids=TABLE)
def test_error(client: InferenceServerClient, call: Call, code: StatusCode, text: str) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        call(client)
    assert refusal.value.status() == str(code)
    assert text in str(refusal.value)


def test_both_kinds_of_contents_at_once(server: ServerProcess) -> None:
    tensors = [
        {"name": name, "datatype": "INT32", "shape": [1, 16], "contents": {"int_contents": SEQUENCE.tolist()}}
        for name in ("INPUT0", "INPUT1")
    ]
    request = service_pb2.ModelInferRequest(model_name="simple", inputs=tensors, raw_input_contents=[bytes(64)] * 2)
    with grpc.insecure_channel(server.grpc_address) as channel, pytest.raises(grpc.RpcError) as refusal:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert refusal.value.code() == INVALID
    assert "contents field must not be specified when using raw_input_contents" in str(refusal.value.details())


def test_a_full_queue(client: InferenceServerClient, tmp_path: Path) -> None:
    with gate_held(client, tmp_path) as answers:
        fill_queue(client, answers)
    assert [error for _, _, error in answers.take(3)] == [None] * 3


def fill_queue(client: InferenceServerClient, answers: Answers) -> None:
    """Leave two requests waiting, and see a third refused."""
    for number in (1, 2, 3):
        client.async_infer("gate", through_gate(), answers.of(number))
    ((_, _, error),) = answers.take(1)
    assert (error.status(), error.message()) == (str(UNAVAILABLE), "Exceeds maximum queue size")


def test_a_queue_timeout(client: InferenceServerClient, tmp_path: Path) -> None:
    with gate_held(client, tmp_path) as answers:
        client.async_infer("gate", through_gate(), answers.of(1), timeout=20_000)
        ((number, _, error),) = answers.take(1)
        assert (number, error.status(), error.message()) == (1, str(UNAVAILABLE), "Request timeout expired")


def test_a_deadline_in_the_queue(client: InferenceServerClient, tmp_path: Path) -> None:
    with gate_held(client, tmp_path), pytest.raises(InferenceServerException) as refusal:
        client.infer("gate", through_gate(), client_timeout=0.05)
    assert refusal.value.status() == str(StatusCode.DEADLINE_EXCEEDED)


async def test_a_request_cancelled_in_the_queue_is_never_computed(
    client: InferenceServerClient, aio_client: AioClient, tmp_path: Path
) -> None:
    before = client.infer("gate", through_gate()).as_numpy("OUT")[0, 0]
    with gate_held(client, tmp_path) as answers:
        queued = asyncio.create_task(aio_client.infer("gate", through_gate()))
        with pytest.raises(InferenceServerException, match="Request timeout expired"):  # by now the other has arrived
            await aio_client.infer("gate", through_gate(), timeout=20_000)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        with pytest.raises(InferenceServerException, match="Request timeout expired"):  # by now so has the cancellation
            await aio_client.infer("gate", through_gate(), timeout=20_000)
    answers.take(1)
    assert client.infer("gate", through_gate()).as_numpy("OUT")[0, 0] == before + 2
    failures = (await aio_client.get_inference_statistics("gate")).model_stats[0].inference_stats.fail.count
    assert failures >= 3


def test_a_model_that_was_not_loaded(repository: Path) -> None:
    with (
        server_process("services.runtime", f"--model-repository={repository}", "--load-model=simple") as server,
        InferenceServerClient(server.grpc_address) as client,
    ):
        assert client.is_model_ready("simple")
        assert not client.is_model_ready("scores")
        with pytest.raises(InferenceServerException, match="'scores' has no available versions") as refusal:
            client.infer("scores", [tensor("INPUT0", [[1]], np.float32)])
        assert refusal.value.status() == str(NOT_FOUND)
        states = {model.name: model.state for model in client.get_model_repository_index().models}
        assert (states["simple"], states["scores"]) == ("READY", "")


def test_shutting_down(repository: Path, tmp_path: Path) -> None:
    with (
        server_process("services.runtime", f"--model-repository={repository}", "--load-model=gate") as server,
        InferenceServerClient(server.grpc_address) as client,
    ):
        with gate_held(client, tmp_path) as answers:
            fill_queue(client, answers)
            server.process.terminate()
            wait_until_not_serving(server)
            with pytest.raises(InferenceServerException, match="shutting down") as refusal:
                client.infer("gate", through_gate())
            assert refusal.value.status() == str(UNAVAILABLE)
        assert [error for _, _, error in answers.take(3)] == [None] * 3
        assert server.process.wait(30) == os.EX_OK


def wait_until_not_serving(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.grpc_address) as channel:
        for answer in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()):
            if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                return
