"""Runs Triton's `model.py`: one instance is one child process, which a model may block or crash without harm to others.

The contract with the model is that of Triton's Python backend. Tensors travel through shared memory.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

from google.protobuf.json_format import ParseError
from tritonclient.grpc import model_config_pb2

from services.runtime.backends.python import config as python_config
from services.runtime.backends.python.channel import ChannelClosed, Message
from services.runtime.backends.python.deliveries import Deliveries
from services.runtime.backends.python.process import ModelProcess, ProcessSpec
from services.runtime.backends.python.supervisor import Supervisor
from services.runtime.backends.python.wire import Wire
from services.runtime.config import ConfigError, ModelConfig
from services.runtime.errors import ImagoError, StartupError, Unsupported
from services.runtime.model import InferRequest, ResponseSink, Tensors

_MODEL_FILE = "model.py"


class PythonBackend:
    """One instance of a `model.py`.

    `model_dir` is the model's folder, `version` the name of the version's folder in it. The child's environment and
    working folder are the server's; the model is told `kind` and `device_id` and sees every device.

    Raises (constructor):
        StartupError: the model does not import or initialise; one line with its own exception.
    """

    def __init__(
        self, config: ModelConfig, model_dir: Path, version: str, *, instance_name: str, kind: str, device_id: int
    ) -> None:
        source = _source(config.message, model_dir, version)
        order = {
            "op": "initialize",
            "source": str(source),
            "decoupled": config.decoupled,
            "arguments": {
                "model_config": python_config.to_json(config.message),
                "model_instance_kind": kind,
                "model_instance_name": instance_name,
                "model_instance_device_id": str(device_id),
                "model_repository": str(model_dir.absolute()),
                "model_version": version,
                "model_name": config.name,
            },
        }
        self._name = config.name
        self._wire = Wire(config, version)
        self._deliveries = Deliveries(self._wire) if config.decoupled else None
        self._supervisor = Supervisor(ProcessSpec(config.name, instance_name, order), self._deliveries)

    def warmup(self, batch: Sequence[InferRequest]) -> None:
        if self._deliveries is None:
            outcomes: Sequence[Tensors | ImagoError | None] = self.infer(batch)
        else:
            outcomes = [self._drop_stream(request) for request in batch]
        for outcome in outcomes:
            if isinstance(outcome, ImagoError):
                raise outcome

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        if self._deliveries is not None:
            raise Unsupported(f"model '{self._name}' is decoupled: it answers streams only")
        process = self._supervisor.process(max(request.deadline for request in batch))
        reply = self._exchange(process, batch)
        process.answered = True
        if "error" in reply.header:
            raise self._wire.failure(reply.header["error"])
        tensors = iter(reply.tensors)
        return [
            self._wire.outcome(answer, tensors, request.outputs)
            for answer, request in zip(reply.header["responses"], batch, strict=True)
        ]

    def stream(self, request: InferRequest, sink: ResponseSink) -> None:
        if self._deliveries is None:
            sink.finish(Unsupported(f"model '{self._name}' is not decoupled: it gives one answer to one request"))
            return
        try:
            process = self._supervisor.process(request.deadline)
        except ImagoError as error:
            sink.finish(error)
            return
        self._deliveries.start(process, request, sink)

    def abandon(self) -> None:
        self._supervisor.abandon()

    def close(self) -> None:
        self._supervisor.close()

    def _exchange(self, process: ModelProcess, batch: Sequence[InferRequest]) -> Message:
        header, tensors = self._wire.execute(batch)
        try:
            process.channel.send(header, tensors)
            return process.channel.receive()
        except ChannelClosed:
            raise process.lost("while it computed this request") from None

    def _drop_stream(self, request: InferRequest) -> ImagoError | None:
        sink = _Dropping()
        self.stream(request, sink)
        sink.finished.wait()
        return sink.error


class _Dropping:
    """The sink of a warm-up: waits for the end and looks at errors only."""

    cancelled = False

    def __init__(self) -> None:
        self.finished = Event()
        self.error: ImagoError | None = None

    def send(self, outputs: Tensors) -> None:
        """Nobody wants it."""

    def finish(self, error: ImagoError | None = None) -> None:
        self.error = error
        self.finished.set()

    def on_cancel(self, callback: Any) -> None:
        """Nobody leaves."""


def auto_complete(message: model_config_pb2.ModelConfig, model_dir: Path, version: str) -> model_config_pb2.ModelConfig:
    """The configuration as the model's own `auto_complete_config` completes it, in a short-lived process.

    Raises:
        StartupError: the model does not import, or refuses; one line with its own exception.
    """
    source = _source(message, model_dir, version)
    files = (path for path in source.parent.rglob("*.py") if path.is_file())
    if not any(b"auto_complete_config" in path.read_bytes() for path in files):
        return message
    order = {"op": "auto_complete", "source": str(source), "config": python_config.to_json(message)}
    replies: list[dict[str, Any]] = []

    def handle(reply: Message) -> bool:
        replies.append(reply.header)
        return False

    how_it_ended = ModelProcess(ProcessSpec(message.name, "auto_complete_config", order)).watch(handle)
    reply = replies[0] if replies else {"error": f"its process stopped ({how_it_ended})"}
    try:
        if "error" not in reply:
            return python_config.from_json(reply["config"])
        reason = reply["error"]
    except ParseError as error:
        reason = f"the result is not a ModelConfig: {error}"
    raise StartupError(f"model '{message.name}': auto_complete_config failed: {reason}")


def _source(message: model_config_pb2.ModelConfig, model_dir: Path, version: str) -> Path:
    if "EXECUTION_ENV_PATH" in message.parameters:
        raise ConfigError(
            f"model '{message.name}': parameters has EXECUTION_ENV_PATH; models run in the server's environment here"
        )
    source = (model_dir / version / (message.default_model_filename or _MODEL_FILE)).absolute()
    if not source.is_file():
        raise ConfigError(f"model '{message.name}': version {version} has no file '{source.name}'")
    return source
