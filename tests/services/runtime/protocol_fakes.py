"""Models that tests control, behind the runtime's own batcher, and a repository of them."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from threading import Event
from typing import cast

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from services.runtime.config import ModelConfig, finish_config
from services.runtime.errors import ImagoError, NotFound
from services.runtime.instance import Instance, InstanceThread
from services.runtime.model import InferRequest, ResponseSink, Tensors
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.guard import Guard, GuardedServer
from services.runtime.protocol import register
from services.runtime.repository import IndexEntry, ModelRepository
from services.runtime.served import ServedModel
from services.runtime.telemetry import ModelStatistics


class FakeBackend:
    """Answers with `compute`; a decoupled model sends each of `responses` and notes in `left` that the reader left."""

    def __init__(
        self,
        compute: Callable[[Tensors], Tensors | ImagoError] = dict,
        responses: Callable[[Tensors], Iterator[Tensors]] = lambda inputs: iter([inputs]),
    ) -> None:
        self.compute = compute
        self.responses = responses
        self.seen: list[InferRequest] = []
        self.sent = 0
        self.left = Event()

    def warmup(self, batch: Sequence[InferRequest]) -> None:
        self.infer(batch)

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        self.seen += batch
        return [self.compute(request.inputs) for request in batch]

    def stream(self, request: InferRequest, sink: ResponseSink) -> None:
        try:
            for outputs in self.responses(request.inputs):
                sink.send(outputs)
                if sink.cancelled:
                    self.left.set()
                    break
                self.sent += 1
            sink.finish()
        except ImagoError as error:
            sink.finish(error)

    def abandon(self) -> None: ...

    def close(self) -> None:
        """Nothing to free."""


def config_of(text: str, labels: Mapping[str, tuple[str, ...]] | None = None) -> ModelConfig:
    config = finish_config(text_format.Parse(text, model_config_pb2.ModelConfig()), None)
    return ModelConfig(config.message, config.inputs, config.outputs, labels or {})


def serve(config: ModelConfig, backend: FakeBackend, version: str = "1") -> ServedModel:
    instance = Instance(backend, InstanceThread("test"))
    return ServedModel(config, version, [instance], ModelStatistics(config.name, version))


class FakeRepository:
    """What the protocol needs of a repository."""

    def __init__(self, *models: ServedModel) -> None:
        self._models = {model.name: model for model in models}

    def find(self, name: str, version: str = "") -> ServedModel:
        if name not in self._models:
            raise NotFound(f"Request for unknown model: '{name}' is not found")
        return self._models[name]

    def is_ready(self, name: str, version: str = "") -> bool:
        return name in self._models

    def versions(self, name: str) -> tuple[str, ...]:
        return (self._models[name].version,)

    def models(self) -> list[ServedModel]:
        return list(self._models.values())

    def index(self) -> list[IndexEntry]:
        return [IndexEntry(model.name, model.version, "READY") for model in self.models()]


@asynccontextmanager
async def serving(repository: FakeRepository) -> AsyncIterator[str]:
    """A gRPC server of the protocol over a repository; gives host:port."""
    server = GuardedServer(Guard(Admission(), CallRecorder()))
    register(cast(ModelRepository, repository), lambda: True, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
