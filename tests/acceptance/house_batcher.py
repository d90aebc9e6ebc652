"""The batcher with a model of 10 ms: batches fill, the dead are not computed, a full queue refuses, poison is alone."""

import asyncio
import threading
import time
from collections.abc import Sequence
from math import inf

import numpy as np

from services.runtime.batcher import DynamicBatcher
from services.runtime.errors import ImagoError, Overloaded
from services.runtime.instance import Instance, InstanceThread
from services.runtime.model import InferRequest, InferResponse, ResponseSink, Tensors
from services.runtime.queue import BatchingPolicy
from services.runtime.telemetry import ModelStatistics
from tests.acceptance.figures import Figures

COMPUTE_S = 0.010
POISON = -1.0


class SlowModel:
    """Takes 10 ms for any batch, squares `x`, and fails a whole batch that holds poison."""

    def __init__(self) -> None:
        self.computed: list[float] = []
        self.entered = threading.Semaphore(0)

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        self.entered.release()
        time.sleep(COMPUTE_S)
        values = [float(request.inputs["x"][0]) for request in batch]
        self.computed += values
        if POISON in values:
            raise ValueError("poison")
        return [{"y": request.inputs["x"] ** 2} for request in batch]

    def warmup(self, batch: Sequence[InferRequest]) -> None: ...

    def stream(self, request: InferRequest, sink: ResponseSink) -> None: ...

    def abandon(self) -> None: ...

    def close(self) -> None: ...


class Bench:
    """One slow model behind one batcher."""

    def __init__(self, *, max_batch_size: int = 8, max_queue_size: int = 0) -> None:
        self.model = SlowModel()
        self.statistics = ModelStatistics("slow", "1")
        batching = BatchingPolicy(max_batch_size, dynamic=True, max_queue_size=max_queue_size)
        instance = Instance(self.model, InstanceThread("test"))
        self.batcher = DynamicBatcher([instance], batching, self.statistics)

    async def ask(self, x: float, deadline: float = inf) -> InferResponse:
        return await self.batcher.infer(InferRequest("slow", {"x": np.array([x])}, deadline=deadline), 1, None)

    async def busy(self) -> asyncio.Task[InferResponse]:
        """Occupy the only instance; returns once it computes."""
        task = asyncio.create_task(self.ask(0))
        await asyncio.to_thread(self.model.entered.acquire)
        return task


def batcher(figures: Figures) -> None:
    asyncio.run(_mean_batch(figures))
    asyncio.run(_cancelled(figures))
    asyncio.run(_expired(figures))
    asyncio.run(_overflow(figures))
    asyncio.run(_poison(figures))


async def _mean_batch(figures: Figures) -> None:
    bench = Bench()
    ends = time.monotonic() + 3

    async def client(number: int) -> None:
        while time.monotonic() < ends:
            await bench.ask(number)

    await asyncio.gather(*map(client, range(32)))
    mean = bench.statistics.inference_count / bench.statistics.execution_count
    figures.at_least("mean batch, 32 clients, batch up to 8, 10 ms", mean, 7, requests=bench.statistics.inference_count)


async def _cancelled(figures: Figures) -> None:
    bench = Bench()
    busy = await bench.busy()
    doomed = [asyncio.create_task(bench.ask(100 + number)) for number in range(50)]
    await asyncio.sleep(0)
    for task in doomed:
        task.cancel()
    await asyncio.gather(busy, *doomed, bench.ask(1), return_exceptions=True)
    computed = sum(value >= 100 for value in bench.model.computed)
    figures.equal("cancelled in the queue, computed", computed, 0, cancelled=len(doomed))


async def _expired(figures: Figures) -> None:
    bench = Bench()
    busy = await bench.busy()
    soon = time.monotonic() + COMPUTE_S / 4
    doomed = [asyncio.create_task(bench.ask(100 + number, soon)) for number in range(50)]
    await asyncio.gather(busy, *doomed, bench.ask(1), return_exceptions=True)
    computed = sum(value >= 100 for value in bench.model.computed)
    figures.equal("expired in the queue, computed", computed, 0, expired=len(doomed))


async def _overflow(figures: Figures) -> None:
    bench = Bench(max_queue_size=8)
    busy = await bench.busy()

    async def arrive(number: int) -> float | None:
        """Milliseconds until the refusal, or None when it was accepted."""
        start = time.monotonic()
        try:
            await bench.ask(number)
        except Overloaded:
            return (time.monotonic() - start) * 1000
        return None

    waits = await asyncio.gather(*map(arrive, range(10)))
    await busy
    refusals = [wait for wait in waits if wait is not None]
    figures.equal("of 10 arrivals at max_queue_size 8, refused", len(refusals), 2)
    figures.at_most("slowest refusal, ms", max(refusals, default=inf), 10)


async def _poison(figures: Figures) -> None:
    solo = Bench(max_batch_size=16)
    values = [float(number) for number in range(1, 16)]
    alone = [(await solo.ask(value)).outputs["y"].tobytes() for value in values]
    bench = Bench(max_batch_size=16)
    answers = await asyncio.gather(*map(bench.ask, [*values[:7], POISON, *values[7:]]), return_exceptions=True)
    together = [answer.outputs["y"].tobytes() for answer in answers if isinstance(answer, InferResponse)]
    figures.equal("one poison among 16: errors", sum(isinstance(answer, ImagoError) for answer in answers), 1)
    figures.equal("one poison among 16: answers equal to solo", sum(map(bytes.__eq__, together, alone)), 15)
