"""Streams that callers hold open while their server is told to stop: real processes, Triton's own client."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from tests.processes import ServerProcess, server_process
from tests.repositories import floats, write_config, write_scale

LONGER_THAN_THE_TEST = "--drain-timeout-s=60"
PATIENCE_S = 20

COUNT = """
import time
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            for number in pb_utils.get_input_tensor_by_name(request, "x").as_numpy():
                time.sleep(0.02)
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("y", np.array([number], np.float32))]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """`scale` answers at once; `count` sends back each number of its request, slowly."""
    write_scale(tmp_path)
    folder = write_config(
        tmp_path,
        "count",
        """backend: "python"
        input [{ name: "x" data_type: TYPE_FP32 dims: [-1] }]
        output [{ name: "y" data_type: TYPE_FP32 dims: [1] }]
        model_transaction_policy { decoupled: true }""",
    )
    (folder / "1").mkdir()
    (folder / "1" / "model.py").write_text(COUNT)
    return tmp_path


class OpenStream:
    """A `ModelStreamInfer` call of Triton's client, and what its callback hears."""

    def __init__(self, address: str) -> None:
        self._client = InferenceServerClient(address)
        self._heard: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        self._client.start_stream(lambda result, error: self._heard.put((result, error)))

    def ask(self, model: str, x: Any) -> None:
        tensor = InferInput("x", list(x.shape), "FP32")
        tensor.set_data_from_numpy(x)
        self._client.async_stream_infer(model, [tensor])

    def answer(self) -> list[float]:
        result, error = self._heard.get(timeout=PATIENCE_S)
        assert error is None
        return [float(value) for value in result.as_numpy("y").flat]

    def end(self) -> InferenceServerException:
        """What the client is told when the server ends the stream."""
        result, error = self._heard.get(timeout=PATIENCE_S)
        assert result is None
        assert isinstance(error, InferenceServerException)
        return error

    def close(self) -> None:
        self._client.stop_stream()
        self._client.close()


@contextmanager
def open_stream(server: ServerProcess) -> Iterator[OpenStream]:
    stream = OpenStream(server.grpc_address)
    try:
        stream.ask("scale", floats([1, 2, 3]))
        assert stream.answer() == [2, 4, 6]
        yield stream
    finally:
        stream.close()


@contextmanager
def runtime(models: Path) -> Iterator[ServerProcess]:
    with server_process("services.runtime", f"--model-repository={models}", LONGER_THAN_THE_TEST) as server:
        yield server


def test_an_idle_stream_is_told_and_does_not_keep_the_process(models: Path) -> None:
    with runtime(models) as server, open_stream(server) as stream:
        assert server.terminate(PATIENCE_S) == 0
        end = stream.end()
        assert end.status() == "StatusCode.UNAVAILABLE"
        assert "shutting down" in str(end.message())
        with pytest.raises(InferenceServerException, match="no longer in valid state"):
            stream.ask("scale", floats([1, 2, 3]))


def test_everything_that_was_sent_before_the_signal_is_answered_to_its_end(models: Path) -> None:
    numbers = np.arange(100, dtype=np.float32)
    with runtime(models) as server, open_stream(server) as stream:
        stream.ask("count", numbers)
        stream.ask("count", numbers[:3])
        assert stream.answer() == [0]
        server.process.send_signal(signal.SIGTERM)
        assert [stream.answer() for _ in range(102)] == [[number] for number in (*numbers[1:], *numbers[:3])]
        assert stream.end().status() == "StatusCode.UNAVAILABLE"
        assert server.process.wait(PATIENCE_S) == 0
