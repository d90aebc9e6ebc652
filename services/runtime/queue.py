"""Decides which requests form the next batch, and when. Pure: no clock, no event loop, no thread.

It follows Triton's dynamic batcher, except that requests of other shapes wait in buckets of their own instead of
cutting the batch, and that the dead (cancelled, expired) never reach a batch.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from typing import Generic, Protocol, TypeVar

from services.runtime.errors import Overloaded


class Waiting(Protocol):
    """What the queue must know of a request."""

    @property
    def rows(self) -> int: ...

    @property
    def bucket(self) -> Hashable:
        """Only requests of one bucket may share a batch."""

    @property
    def enqueued_at(self) -> float:
        """Seconds, on the same clock as `take`'s `now`."""

    def alive(self, now: float) -> bool:
        """Whether anybody still wants the answer at `now`."""


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """Triton's `dynamic_batching`, in seconds and rows.

    Attributes:
        max_batch_size: most rows of a batch, at least 1.
        dynamic: whether requests may share a batch; otherwise each is a batch of its own, whatever its rows.
        preferred_batch_sizes: a batch of exactly so many rows starts at once; empty means `max_batch_size`.
        max_queue_delay: seconds that the oldest request may wait for company.
        max_queue_size: most requests that wait; 0 means no bound.
    """

    max_batch_size: int = 1
    dynamic: bool = False
    preferred_batch_sizes: frozenset[int] = frozenset()
    max_queue_delay: float = 0.0
    max_queue_size: int = 0

    @property
    def largest_preferred(self) -> int:
        return max(self.preferred_batch_sizes, default=self.max_batch_size)


R = TypeVar("R", bound=Waiting)


class RequestQueue(Generic[R]):
    """The requests that wait for one model version: first in, first out within each bucket."""

    def __init__(self, policy: BatchingPolicy) -> None:
        self._policy = policy
        self._buckets: dict[Hashable, deque[R]] = {}
        self._size = 0

    def __len__(self) -> int:
        """Requests that wait, the dead that nobody has met yet included."""
        return self._size

    def push(self, request: R) -> None:
        """Let a request wait.

        Raises:
            Overloaded: `max_queue_size` live requests wait already.
        """
        bound = self._policy.max_queue_size
        if bound and self._size >= bound:
            self._bury(request.enqueued_at)
            if self._size >= bound:
                raise Overloaded(f"{self._size} requests already wait and max_queue_size is {bound}")
        self._buckets.setdefault(request.bucket, deque()).append(request)
        self._size += 1

    def ready_at(self) -> float:
        """The instant at which the next batch should start: -inf for at once, inf while nobody waits."""
        return min(map(self._due, self._buckets.values()), default=inf)

    def take(self, now: float) -> list[R]:
        """Remove and return the next batch: of the buckets that are due, the one whose head is oldest. May be empty."""
        while due := [key for key, bucket in self._buckets.items() if self._due(bucket) <= now]:
            key = min(due, key=lambda key: self._buckets[key][0].enqueued_at)
            self._bury_head(key, now)
            if key in self._buckets and (batch := self._cut(key, now)):
                return batch
        return []

    def _due(self, bucket: deque[R]) -> float:
        delay = self._policy.max_queue_delay
        if not self._policy.dynamic or delay <= 0 or self._batch_length(bucket, may_wait=True):
            return -inf
        return bucket[0].enqueued_at + delay

    def _cut(self, key: Hashable, now: float) -> list[R]:
        bucket = self._buckets[key]
        may_wait = now < bucket[0].enqueued_at + self._policy.max_queue_delay
        batch = [bucket.popleft() for _ in range(self._batch_length(bucket, may_wait=may_wait))]
        self._shrunk(key, len(batch))
        return batch

    def _batch_length(self, bucket: deque[R], *, may_wait: bool) -> int:
        """How many requests, from the oldest, make the batch; 0 when it may wait for company and should."""
        policy = self._policy
        if not policy.dynamic:
            return 1
        rows = length = preferred = 0
        for request in bucket:
            if length and rows + request.rows > policy.max_batch_size:
                full = True
                break
            rows += request.rows
            length += 1
            if rows in policy.preferred_batch_sizes:
                preferred = length
        else:
            full = rows >= policy.largest_preferred
        if not may_wait:
            return length
        return preferred or (length if full else 0)

    def _bury_head(self, key: Hashable, now: float) -> None:
        """Drop the dead that stand where the next batch will be cut."""
        bucket = self._buckets[key]
        before = len(bucket)
        live: list[R] = []
        rows = 0
        while bucket and rows < self._policy.max_batch_size:
            request = bucket.popleft()
            if request.alive(now):
                live.append(request)
                rows += request.rows
        bucket.extendleft(reversed(live))
        self._shrunk(key, before - len(bucket))

    def _bury(self, now: float) -> None:
        """Drop every dead request; only a full queue pays for this."""
        for key, bucket in list(self._buckets.items()):
            live = deque(request for request in bucket if request.alive(now))
            self._buckets[key] = live
            self._shrunk(key, len(bucket) - len(live))

    def _shrunk(self, key: Hashable, gone: int) -> None:
        self._size -= gone
        if not self._buckets[key]:
            del self._buckets[key]
