"""A loop without a server, in a process of its own: what a service that does the same work is measured against.

Two threads share what `prepare` opened: while one computes, the other decodes or encodes. (Two sessions of one thread
each were slower.)
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock, Thread

from services.runtime.backends.onnx import OnnxBackend
from services.runtime.backends.placement import Placement
from services.runtime.config import ModelConfig, finish_config, read_config
from services.runtime.model import InferRequest, Tensors

THREADS = 2

Work = Callable[[int], None]
"""Does all that a batch of so many images needs."""

Rate = Callable[[float, int], float]
"""Works for so many seconds in batches of so many images; images/s."""


@contextmanager
def bare_process(prepare: Callable[..., Work], *arguments: object) -> Iterator[Rate]:
    """Start the loop. `prepare` is called once, in the new process, and must be found by its name there."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_turns, args=(theirs, prepare, arguments), daemon=True)
    process.start()

    def rate(seconds: float, batch: int) -> float:
        pipe.send((seconds, batch))
        return float(pipe.recv())

    try:
        yield rate
    finally:
        process.kill()
        process.join()


class BareModel:
    """A model of a repository, opened by the runtime's own code, so with the same engine and precision."""

    def __init__(self, folder: Path) -> None:
        self.config: ModelConfig = finish_config(read_config(folder), folder)
        self._backend = OnnxBackend(self.config, folder / "1" / "model.onnx", Placement("bare", "CPU"), threads=THREADS)
        self._turn = Lock()

    def infer(self, inputs: Tensors) -> Tensors:
        """One batch, one at a time; an error of the model is raised."""
        with self._turn:
            (outputs,) = self._backend.infer([InferRequest(self.config.name, inputs)])
        if isinstance(outputs, Exception):
            raise outputs
        return outputs


def _turns(pipe: Connection, prepare: Callable[..., Work], arguments: tuple[object, ...]) -> None:
    work = prepare(*arguments)
    while True:
        seconds, batch = pipe.recv()
        counts = [0] * THREADS
        start = time.monotonic()

        def loop(number: int, batch: int, ends: float, counts: list[int]) -> None:
            while time.monotonic() < ends:
                work(batch)
                counts[number] += batch

        threads = [Thread(target=loop, args=(number, batch, start + seconds, counts)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pipe.send(sum(counts) / (time.monotonic() - start))
