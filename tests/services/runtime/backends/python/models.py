"""Writes small `model.py` files and loads them as instances."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from textwrap import dedent
from threading import Event, Thread
from typing import Any

import numpy as np
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.runtime.backends.python.backend import PythonBackend
from services.runtime.config import finish_config
from services.runtime.errors import ImagoError
from services.runtime.model import InferRequest, Tensors

X_TO_Y = """
    input [{name: "X" data_type: TYPE_FP32 dims: [-1]}]
    output [{name: "Y" data_type: TYPE_FP32 dims: [-1]}]
"""
DECOUPLED = X_TO_Y + "model_transaction_policy {decoupled: true}"

PREAMBLE = """
import os, threading, time
import numpy as np
import triton_python_backend_utils as pb_utils

def x(request):
    return pb_utils.get_input_tensor_by_name(request, "X").as_numpy()

def y(value):
    return pb_utils.InferenceResponse([pb_utils.Tensor("Y", np.asarray(value, np.float32).reshape(-1))])
"""


@dataclass
class ModelFolder:
    path: Path
    message: model_config_pb2.ModelConfig

    def load(self) -> PythonBackend:
        config = finish_config(self.message, self.path)
        name = f"{config.name}_0"
        return PythonBackend(config, self.path, "1", instance_name=name, kind="CPU", device_id=0)

    @contextmanager
    def loaded(self) -> Iterator[PythonBackend]:
        backend = self.load()
        try:
            yield backend
        finally:
            backend.close()


def write_model(folder: Path, source: str, config: str = X_TO_Y, name: str = "m") -> ModelFolder:
    """A model folder whose `model.py` is the preamble above and `source`."""
    version = folder / name / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(PREAMBLE + dedent(source))
    message = text_format.Parse(config, model_config_pb2.ModelConfig(name=name, backend="python"))
    return ModelFolder(folder / name, message)


def ask(*values: float, **options: Any) -> InferRequest:
    """A request with X of these values."""
    return InferRequest("m", {"X": np.array(values, np.float32)}, **options)


def outputs(backend: PythonBackend, request: InferRequest) -> Tensors:
    """The outputs of one request that succeeds."""
    (outcome,) = backend.infer([request])
    assert isinstance(outcome, dict), outcome
    return outcome


@dataclass
class Sink:
    """Collects a stream. With `open` cleared, `send` blocks as it does for a reader that does not read."""

    sent: SimpleQueue[Tensors] = field(default_factory=SimpleQueue)
    finished: Event = field(default_factory=Event)
    open: Event = field(default_factory=Event)
    error: ImagoError | None = None
    cancelled: bool = False
    on_cancel_called: Event = field(default_factory=Event)
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open.set()

    def send(self, outputs: Tensors) -> None:
        self.open.wait(10)
        self.sent.put(outputs)

    def finish(self, error: ImagoError | None = None) -> None:
        assert not self.finished.is_set(), "finish was called twice"
        self.error = error
        self.finished.set()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)
        self.on_cancel_called.set()

    def cancel(self) -> None:
        self.cancelled = True
        self.open.set()
        for callback in self.callbacks:
            callback()

    def values(self) -> list[float]:
        """The first element of Y of every response, once the stream has ended."""
        assert self.finished.wait(10), "the stream did not end"
        return [float(self.sent.get()["Y"][0]) for _ in range(self.sent.qsize())]


def in_thread(target: Callable[..., None], *arguments: object) -> Thread:
    thread = Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
