"""The batcher runs batches on instances and answers every request exactly once."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from time import monotonic

import numpy as np
import pytest

from services.runtime.batcher import DynamicBatcher, Timeouts
from services.runtime.errors import DeadlineExpired, ImagoError, InvalidInput, ModelFailed, Overloaded, QueueTimeout
from services.runtime.instance import Instance, InstanceThread
from services.runtime.model import InferRequest, InferResponse, ResponseSink, Tensors
from services.runtime.queue import BatchingPolicy
from services.runtime.telemetry import ModelStatistics

POISON = -1.0
NO_TIMEOUTS = Timeouts()


class Doubler:
    """Doubles `x`; waits for `gate` inside every batch; fails a whole batch that holds poison."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[float]] = []

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        self.entered.release()
        self.gate.wait()
        self.batches.append([float(request.inputs["x"][0]) for request in batch])
        if POISON in self.batches[-1]:
            raise ValueError("poison")
        return [{"y": request.inputs["x"] * 2} for request in batch]

    def stream(self, request: InferRequest, sink: ResponseSink) -> None:
        for number in range(int(request.inputs["x"][0])):
            sink.send({"y": np.array([number])})
        sink.finish()

    def warmup(self, batch: Sequence[InferRequest]) -> None: ...

    def abandon(self) -> None: ...

    def close(self) -> None: ...


def ask(x: float, *, deadline: float = inf, **parameters: int) -> InferRequest:
    return InferRequest("doubler", {"x": np.array([x])}, deadline=deadline, parameters=parameters)


Start = Callable[..., DynamicBatcher]


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


@pytest.fixture
async def start(doubler: Doubler) -> Start:
    def start(timeouts: Timeouts = NO_TIMEOUTS, instances: int = 1, **policy: object) -> DynamicBatcher:
        copies = [Instance(doubler, InstanceThread("test")) for _ in range(instances)]
        policy = {"max_batch_size": 8, "dynamic": True} | policy
        return DynamicBatcher(copies, BatchingPolicy(**policy), ModelStatistics("doubler", "1"), timeouts)  # type: ignore[arg-type]

    return start


async def held_busy(batcher: DynamicBatcher, doubler: Doubler) -> asyncio.Task[InferResponse]:
    """Occupy the only instance until the gate opens."""
    doubler.gate.clear()
    task = asyncio.create_task(batcher.infer(ask(1), 1, None))
    await asyncio.to_thread(doubler.entered.acquire)
    return task


async def test_each_request_gets_its_own_answer(start: Start) -> None:
    batcher = start(instances=2)
    answers = await asyncio.gather(*(batcher.infer(ask(x), 1, None) for x in range(50)))
    assert [answer.outputs["y"][0] for answer in answers] == [2 * x for x in range(50)]


async def test_requests_that_arrive_together_ride_together_and_are_told_so(start: Start, doubler: Doubler) -> None:
    batcher = start()
    answers = await asyncio.gather(*(batcher.infer(ask(x), 1, None) for x in range(8)))
    assert doubler.batches == [list(map(float, range(8)))]
    assert {answer.timing.batch_size for answer in answers} == {8}


async def test_a_batch_forms_behind_a_busy_instance(start: Start, doubler: Doubler) -> None:
    batcher = start()
    busy = await held_busy(batcher, doubler)
    waiting = [asyncio.create_task(batcher.infer(ask(x), 1, None)) for x in range(8)]
    await asyncio.sleep(0)
    doubler.gate.set()
    await asyncio.gather(busy, *waiting)
    assert [len(batch) for batch in doubler.batches] == [1, 8]


async def test_the_delay_lets_company_arrive(start: Start, doubler: Doubler) -> None:
    batcher = start(max_queue_delay=60.0, preferred_batch_sizes=frozenset({2}))
    first = asyncio.create_task(batcher.infer(ask(1), 1, None))
    await asyncio.sleep(0)
    await asyncio.gather(first, batcher.infer(ask(2), 1, None))
    assert doubler.batches == [[1.0, 2.0]]


async def test_a_lonely_request_leaves_when_its_delay_is_over(start: Start) -> None:
    batcher = start(max_queue_delay=0.02)
    answer = await batcher.infer(ask(1), 1, None)
    assert answer.timing.queue_us >= 20_000


async def test_poison_fails_alone_and_its_mates_get_their_solo_answers(start: Start) -> None:
    batcher = start(max_batch_size=16)
    asked = [POISON if x == 5 else float(x) for x in range(16)]
    answers = await asyncio.gather(*(batcher.infer(ask(x), 1, None) for x in asked), return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in failed] == [ModelFailed]
    assert "doubler" in str(failed[0])
    assert "poison" not in str(failed[0]), "what a model raised stays in the server's log"
    solo = [2 * x for x in asked if x != POISON]
    assert [answer.outputs["y"][0] for answer in answers if isinstance(answer, InferResponse)] == solo


async def test_a_request_cancelled_in_the_queue_is_never_computed(start: Start, doubler: Doubler) -> None:
    batcher = start()
    busy = await held_busy(batcher, doubler)
    doomed = asyncio.create_task(batcher.infer(ask(7), 1, None))
    kept = asyncio.create_task(batcher.infer(ask(8), 1, None))
    await asyncio.sleep(0)
    doomed.cancel()
    doubler.gate.set()
    await asyncio.gather(busy, kept)
    with suppress(asyncio.CancelledError):
        await doomed
    assert doubler.batches == [[1.0], [8.0]]


async def test_a_cancelled_request_leaves_its_batch_mates_alone(start: Start, doubler: Doubler) -> None:
    batcher = start()
    doubler.gate.clear()
    tasks = [asyncio.create_task(batcher.infer(ask(x), 1, None)) for x in range(3)]
    await asyncio.to_thread(doubler.entered.acquire)
    tasks[1].cancel()
    doubler.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [InferResponse, asyncio.CancelledError, InferResponse]


async def test_an_expired_request_is_answered_while_every_instance_is_busy_and_never_computed(
    start: Start, doubler: Doubler
) -> None:
    batcher = start()
    busy = await held_busy(batcher, doubler)
    with pytest.raises(DeadlineExpired, match="the deadline passed after"):
        await batcher.infer(ask(7, deadline=monotonic() + 0.02), 1, None)
    doubler.gate.set()
    await busy
    assert doubler.batches == [[1.0]]


async def test_a_deadline_in_the_past_is_refused_on_arrival(start: Start, doubler: Doubler) -> None:
    with pytest.raises(DeadlineExpired, match="had passed when the request arrived"):
        await start().infer(ask(1, deadline=monotonic() - 1), 1, None)
    assert doubler.batches == []


@pytest.mark.parametrize(
    ("timeouts", "parameters"),
    [
        (Timeouts(default=0.02), {}),
        (Timeouts(default=60.0, override=True), {"timeout": 20_000}),
        (Timeouts(override=True), {"timeout": 20_000}),
    ],
)
async def test_the_queue_policy_times_requests_out(
    start: Start, doubler: Doubler, timeouts: Timeouts, parameters: dict[str, int]
) -> None:
    batcher = start(timeouts)
    busy = await held_busy(batcher, doubler)
    with pytest.raises(QueueTimeout):
        await batcher.infer(ask(7, **parameters), 1, None)
    doubler.gate.set()
    await busy


async def test_of_ten_arrivals_at_a_queue_of_eight_exactly_two_are_refused(start: Start, doubler: Doubler) -> None:
    batcher = start(max_queue_size=8)
    busy = await held_busy(batcher, doubler)
    arrivals = [asyncio.create_task(batcher.infer(ask(x), 1, None)) for x in range(10)]
    await asyncio.sleep(0)
    refused = [task for task in arrivals if task.done()]
    assert [type(task.exception()) for task in refused] == [Overloaded, Overloaded]
    doubler.gate.set()
    answers = await asyncio.gather(busy, *arrivals, return_exceptions=True)
    assert sum(isinstance(answer, InferResponse) for answer in answers) == 9


async def test_draining_waits_for_everything_accepted(start: Start, doubler: Doubler) -> None:
    batcher = start(max_batch_size=1)
    busy = await held_busy(batcher, doubler)
    waiting = [asyncio.create_task(batcher.infer(ask(x), 1, None)) for x in range(5)]
    drained = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    assert not drained.done()
    doubler.gate.set()
    await drained
    assert all(task.done() for task in [busy, *waiting])


async def test_a_backend_that_answers_too_few_requests_fails_them_loudly(start: Start) -> None:
    class Short(Doubler):
        def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
            return []

    batcher = DynamicBatcher(
        [Instance(Short(), InstanceThread("test"))], BatchingPolicy(), ModelStatistics("short", "1")
    )
    with pytest.raises(ModelFailed, match="answered 0 of 1 requests"):
        await batcher.infer(ask(1), 1, None)


async def test_a_request_may_fail_by_itself_without_a_second_run(start: Start) -> None:
    class Picky(Doubler):
        def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
            self.batches.append([0.0] * len(batch))
            return [
                InvalidInput("odd") if request.inputs["x"][0] % 2 else {"y": request.inputs["x"]} for request in batch
            ]

    picky = Picky()
    batcher = DynamicBatcher(
        [Instance(picky, InstanceThread("test"))], BatchingPolicy(8, dynamic=True), ModelStatistics("picky", "1")
    )
    answers = await asyncio.gather(*(batcher.infer(ask(x), 1, None) for x in range(4)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [InferResponse, InvalidInput] * 2
    assert len(picky.batches) == 1


async def test_statistics_count_what_happened(doubler: Doubler) -> None:
    statistics = ModelStatistics("doubler", "1")
    batcher = DynamicBatcher([Instance(doubler, InstanceThread("test"))], BatchingPolicy(8, dynamic=True), statistics)
    await asyncio.gather(*(batcher.infer(ask(x), 1, None) for x in range(4)))
    with pytest.raises(ModelFailed):
        await batcher.infer(ask(POISON), 1, None)
    assert (statistics.inference_count, statistics.success.count, statistics.fail.count) == (4, 4, 1)
    assert statistics.failures["BACKEND"] == 1
    assert statistics.pending == 0


async def test_a_stream_gives_every_response_in_order_and_then_the_final_one(start: Start) -> None:
    responses = [response async for response in start(dynamic=False).stream(ask(20), 1)]
    assert [int(response.outputs["y"][0]) for response in responses[:-1]] == list(range(20))
    assert [response.final for response in responses] == [False] * 20 + [True]


async def test_leaving_a_stream_cancels_it_and_frees_the_instance(start: Start) -> None:
    batcher = start(dynamic=False)
    stream = batcher.stream(ask(1000), 1)
    assert int((await anext(stream)).outputs["y"][0]) == 0
    await stream.aclose()  # the model was blocked, eight responses ahead
    assert (await batcher.infer(ask(3), 1, None)).outputs["y"][0] == 6
    await batcher.drain()
