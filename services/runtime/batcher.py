"""Feeds one model version: wait, take, run on an instance's thread, split, reply.

The queue decides who rides in a batch; this module owns the clock, the instances and the replies. It ignores what
tensors mean.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic, monotonic_ns

from services.runtime.errors import DeadlineExpired, ImagoError, ModelFailed, Overloaded, QueueTimeout, Unavailable
from services.runtime.instance import Instance
from services.runtime.model import Backend, InferRequest, InferResponse, ModelTiming, Tensors
from services.runtime.queue import BatchingPolicy, RequestQueue
from services.runtime.streams import ResponseStream
from services.runtime.telemetry import FailureReason, ModelStatistics

log = logging.getLogger(__name__)

Outcome = Tensors | ImagoError
TimedOutcomes = tuple[Sequence[Outcome], int, int]
"""One outcome for each request of a batch, and when its computation started and ended (monotonic ns)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Triton's queue timeouts: seconds, 0 for none; `override` lets a request's `timeout` shorten the default."""

    default: float = 0.0
    override: bool = False


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """A request that waits, and its own reply."""

    request: InferRequest
    rows: int
    bucket: Hashable
    reply: asyncio.Future[InferResponse]
    enqueued_at: float
    enqueued_ns: int
    gives_up_at: float
    stream: ResponseStream | None = None
    timer: asyncio.TimerHandle | None = None

    def alive(self, now: float) -> bool:
        return not self.reply.done() and now < self.gives_up_at


class DynamicBatcher:
    """All instances of one model version behind one queue."""

    def __init__(
        self,
        instances: Sequence[Instance],
        policy: BatchingPolicy,
        statistics: ModelStatistics,
        timeouts: Timeouts = Timeouts(),
    ) -> None:
        self._instances = instances
        self._idle = deque(instances)
        self._queue: RequestQueue[QueuedRequest] = RequestQueue(policy)
        self._statistics = statistics
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._woken = False
        self._alarm: asyncio.TimerHandle | None = None
        self._accepted = 0
        self._settled = asyncio.Event()

    async def infer(self, request: InferRequest, rows: int, bucket: Hashable) -> InferResponse:
        """Wait in the queue, ride in a batch, come back with the answer.

        Raises:
            ImagoError: Overloaded at once; DeadlineExpired when the wait was too long; or the model's own error.
        """
        with self._accounted() as started_ns:
            queued = self._push(request, rows, bucket, stream=None)
            response = await queued.reply
            self._succeeded(queued, response.timing, started_ns)
            return response

    async def stream(self, request: InferRequest, rows: int) -> AsyncGenerator[InferResponse, None]:
        """The same for a decoupled model: every response as it comes. Leaving the iterator cancels the request."""
        responses = ResponseStream(self._loop)
        with self._accounted() as started_ns:
            queued = self._push(request, rows, bucket=None, stream=responses)
            try:
                first = await queued.reply  # the model has taken the request
                timing = first.timing
                async for outputs in responses.responses():
                    elapsed_us = (monotonic_ns() - queued.enqueued_ns) // 1000
                    timing = ModelTiming(
                        timing.model, timing.version, timing.queue_us, elapsed_us - timing.queue_us, rows
                    )
                    yield InferResponse(_wanted(request, outputs), timing, final=False)
            finally:
                responses.cancel()
            self._succeeded(queued, timing, started_ns)
            yield InferResponse({}, timing)

    async def drain(self) -> None:
        """Return when everything accepted so far has been answered."""
        while self._accepted:
            self._settled.clear()
            await self._settled.wait()

    def busy(self) -> list[Instance]:
        """Instances that compute; after `drain`, only what nobody waits for."""
        return [instance for instance in self._instances if instance not in self._idle]

    @contextmanager
    def _accounted(self) -> Iterator[int]:
        """Count a request from acceptance to answer, and its failure by Triton's reasons."""
        started_ns = monotonic_ns()
        self._accepted += 1
        try:
            yield started_ns
        except BaseException as error:
            self._statistics.request_failed(_reason(error), monotonic_ns() - started_ns)
            raise
        finally:
            self._accepted -= 1
            if not self._accepted:
                self._settled.set()

    def _succeeded(self, queued: QueuedRequest, timing: ModelTiming, started_ns: int) -> None:
        self._statistics.request_succeeded(
            rows=queued.rows,
            queue_ns=timing.queue_us * 1000,
            compute_input_ns=0,  # backends gather and scatter inside their own call
            compute_infer_ns=timing.compute_us * 1000,
            compute_output_ns=0,
            total_ns=monotonic_ns() - started_ns,
        )

    def _push(self, request: InferRequest, rows: int, bucket: Hashable, stream: ResponseStream | None) -> QueuedRequest:
        now = monotonic()
        timeout = self._queue_timeout(request)
        queued = QueuedRequest(
            request=request,
            rows=rows,
            bucket=bucket,
            reply=self._loop.create_future(),
            enqueued_at=now,
            enqueued_ns=monotonic_ns(),
            gives_up_at=min(request.deadline, now + timeout) if timeout else request.deadline,
            stream=stream,
        )
        if queued.gives_up_at <= now:
            raise DeadlineExpired("the deadline had passed when the request arrived")
        self._queue.push(queued)
        self._statistics.pending = len(self._queue)
        if queued.gives_up_at != float("inf"):
            queued.timer = self._loop.call_at(queued.gives_up_at, _give_up, queued)
        self._wake()
        return queued

    def _queue_timeout(self, request: InferRequest) -> float:
        asked = request.parameters.get("timeout", 0)
        if self._timeouts.override and isinstance(asked, int) and asked > 0:
            return min(asked / 1e6, self._timeouts.default or asked / 1e6)
        return self._timeouts.default

    def _wake(self) -> None:
        """Dispatch once at the end of this turn of the event loop, so that what arrives together rides together."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._woken = False
        while self._idle and (batch := self._queue.take(monotonic())):
            for queued in batch:
                if queued.timer is not None:
                    queued.timer.cancel()
            self._run(self._idle.popleft(), [batch])
        self._statistics.pending = len(self._queue)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._idle and len(self._queue):
            self._alarm = self._loop.call_at(self._queue.ready_at(), self._dispatch)

    def _run(self, instance: Instance, batches: list[list[QueuedRequest]]) -> None:
        """Run the last of the batches on an instance; with none left, the instance is idle."""
        if not batches:
            self._idle.append(instance)
            self._wake()
            return
        batch = batches.pop()
        stream = batch[0].stream
        if stream is not None:
            self._start_stream(instance, batch[0], stream)
            return
        requests = [queued.request for queued in batch]
        instance.thread.submit(
            partial(_timed_infer, instance.backend, requests), partial(self._finished, instance, batch, batches)
        )

    def _finished(
        self,
        instance: Instance,
        batch: list[QueuedRequest],
        batches: list[list[QueuedRequest]],
        result: TimedOutcomes | None,
        error: BaseException | None,
    ) -> None:
        """Answer a batch; one that failed as a whole is run again in halves, so that a poison request fails alone."""
        live = [queued for queued in batch if not queued.reply.done()]
        if error is not None and len(batch) > 1:
            middle = len(live) // 2
            self._run(instance, [*batches, *filter(None, (live[middle:], live[:middle]))])
            return
        self._run(instance, batches)  # first: the instance should not wait for our replies
        if result is not None:
            self._reply(batch, *result)
        elif live:
            live[0].reply.set_exception(self._as_imago_error(error))

    def _reply(self, batch: list[QueuedRequest], outcomes: Sequence[Outcome], start_ns: int, end_ns: int) -> None:
        rows = sum(queued.rows for queued in batch)
        compute_ns = end_ns - start_ns
        self._statistics.batch_executed(rows, 0, compute_ns, 0)
        for queued, outcome in zip(batch, outcomes, strict=True):
            if queued.reply.done():
                continue
            if isinstance(outcome, ImagoError):
                queued.reply.set_exception(outcome)
            else:
                timing = self._timing(start_ns - queued.enqueued_ns, compute_ns, rows)
                queued.reply.set_result(InferResponse(_wanted(queued.request, outcome), timing))

    def _start_stream(self, instance: Instance, queued: QueuedRequest, stream: ResponseStream) -> None:
        begun_ns = monotonic_ns()
        queued.reply.set_result(
            InferResponse({}, self._timing(begun_ns - queued.enqueued_ns, 0, queued.rows), final=False)
        )

        def started(_result: None, error: BaseException | None) -> None:
            if error is not None:
                stream.finish(self._as_imago_error(error))
            self._statistics.batch_executed(queued.rows, 0, monotonic_ns() - begun_ns, 0)
            self._run(instance, [])

        instance.thread.submit(partial(instance.backend.stream, queued.request, stream), started)

    def _timing(self, queue_ns: int, compute_ns: int, rows: int) -> ModelTiming:
        statistics = self._statistics
        return ModelTiming(statistics.model, statistics.version, queue_ns // 1000, compute_ns // 1000, rows)

    def _as_imago_error(self, error: BaseException | None) -> ImagoError:
        if isinstance(error, ImagoError):
            return error
        log.error("model raised", extra={"model": self._statistics.model}, exc_info=error)
        return ModelFailed(f"model '{self._statistics.model}' failed; the server's log says why")


def _timed_infer(backend: Backend, requests: list[InferRequest]) -> TimedOutcomes:
    start_ns = monotonic_ns()
    outcomes = backend.infer(requests)
    if len(outcomes) != len(requests):
        raise ModelFailed(f"the backend answered {len(outcomes)} of {len(requests)} requests of a batch")
    return outcomes, start_ns, monotonic_ns()


def _give_up(queued: QueuedRequest) -> None:
    """The time to wait is over: answer now, even though every instance may be busy for long."""
    if not queued.reply.done():
        waited_ms = (monotonic() - queued.enqueued_at) * 1000
        if queued.gives_up_at < queued.request.deadline:
            queued.reply.set_exception(QueueTimeout(f"the queue timeout expired after {waited_ms:.0f} ms"))
        else:
            queued.reply.set_exception(DeadlineExpired(f"the deadline passed after {waited_ms:.0f} ms in the queue"))


def _wanted(request: InferRequest, outputs: Tensors) -> Tensors:
    return {name: outputs[name] for name in request.outputs if name in outputs} if request.outputs else outputs


def _reason(error: BaseException) -> FailureReason:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELED"
    if isinstance(error, Overloaded | DeadlineExpired):
        return "REJECTED"
    return "BACKEND" if isinstance(error, ModelFailed | Unavailable) else "OTHER"
