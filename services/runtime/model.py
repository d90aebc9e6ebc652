"""The nouns of inference that every other runtime module shares: tensors, requests, responses, backends, engines.

Nothing here computes, waits or knows a transport.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.runtime.config import ModelConfig
from services.runtime.errors import ImagoError

Tensor = NDArray[Any]
"""A row-major numpy array. Triton's BYTES is an object array whose elements are `bytes`."""

Tensors = dict[str, Tensor]
"""Tensors by name. Where the model's `max_batch_size` is above 0, axis 0 of each is the batch axis."""

Parameter = bool | int | float | str


@dataclass(slots=True)
class InferRequest:
    """One call of one model.

    Attributes:
        model: name of the model in the repository.
        inputs: by tensor name; with a batch axis when the model has one, and then with equal lengths along it.
        version: decimal version, or empty for the newest one that is ready.
        outputs: names of the outputs wanted; empty means all.
        parameters: request parameters, as in the Open Inference Protocol. `timeout` (microseconds, int) is Triton's.
        deadline: instant of `time.monotonic()` after which the answer is worthless.
        id: the caller's name for the request; echoed.
    """

    model: str
    inputs: Tensors
    version: str = ""
    outputs: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    deadline: float = inf
    id: str = ""


@dataclass(frozen=True, slots=True)
class ModelTiming:
    """What one request cost inside one model. `batch_size` counts the rows of the batch that it rode in."""

    model: str
    version: str
    queue_us: int
    compute_us: int
    batch_size: int


@dataclass(slots=True)
class InferResponse:
    """The outputs of one request, or one of several for a decoupled model (`final` marks the last, perhaps empty)."""

    outputs: Tensors
    timing: ModelTiming
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    final: bool = True


class ResponseSink(Protocol):
    """Where a decoupled model's responses go; called from a backend's thread."""

    def send(self, outputs: Tensors) -> None:
        """Hand over one response; blocks while the reader is too far behind, returns at once when it has left."""

    def finish(self, error: ImagoError | None = None) -> None:
        """No more responses follow. Called exactly once."""

    @property
    def cancelled(self) -> bool:
        """Whether the reader has gone away."""

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, from any thread, when the reader goes away; now if it has. It must not block."""


class Backend(Protocol):
    """One instance of one model version. Every method is called from the instance's own thread and may block."""

    def warmup(self, batch: Sequence[InferRequest]) -> None:
        """Run a warm-up batch and throw its outputs away; raise if it fails."""

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        """Answer every request, in order: its outputs, or the error that is its own.

        Raising fails the batch as a whole; the batcher then splits the batch and tries its halves.
        """

    def stream(self, request: InferRequest, sink: ResponseSink) -> None:
        """Decoupled models: start one request. Returns when the instance can take another; responses may go on.

        What goes wrong reaches the sink's `finish`; nothing is raised.
        """

    def abandon(self) -> None:
        """Nobody wants what is being computed, and `close` follows: end it, where it can be ended. From any thread."""

    def close(self) -> None:
        """Free everything. Called once, after whatever was computed has ended."""


class Engine(Protocol):
    """Something that runs models: this process's own repository, or a Triton server."""

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run a model that gives one answer to one request.

        Raises:
            ImagoError: NotFound, InvalidInput, Overloaded, DeadlineExpired, Unavailable, Unsupported or ModelFailed.
        """

    def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        """Run a decoupled model; closing the generator cancels it. Raises as `infer` does."""

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        """The configuration of a ready model.

        Raises:
            NotFound: no such model or version.
        """

    async def ready_models(self) -> list[str]:
        """Names of the models that are ready, sorted."""

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        """The versions of a model that are ready, oldest first; none for a model that is not here."""


DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""Open Inference Protocol datatypes that numpy can hold. BF16 is refused by name when a config asks for it."""
