"""Holds the model `gate` busy for as long as a test needs it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput

from tests.contract.tensors import tensor

Answer = tuple[int, Any, Any]
"""Number of the request, its result or None, its error or None."""


class Answers:
    """What came back, in the order in which it came."""

    def __init__(self) -> None:
        self._queue: Queue[Answer] = Queue()

    def of(self, number: int) -> Callable[[Any, Any], None]:
        """The callback of request `number`."""
        return lambda result, error: self._queue.put((number, result, error))

    def take(self, count: int) -> list[Answer]:
        return [self._queue.get(timeout=10) for _ in range(count)]


def through_gate(pipe: Path | None = None) -> list[InferInput]:
    """Inputs of a request that passes at once, or that waits at the named pipe."""
    return [tensor("PIPE", [[bytes(pipe) if pipe else b""]], np.object_)]


@contextmanager
def gate_held(client: InferenceServerClient, folder: Path) -> Iterator[Answers]:
    """While inside, request 0 occupies the only instance of `gate`."""
    pipe, answers = folder / "gate", Answers()
    os.mkfifo(pipe)
    client.async_infer("gate", through_gate(pipe), answers.of(0))
    with pipe.open("wb"):  # returns when the model has opened its end
        yield answers
