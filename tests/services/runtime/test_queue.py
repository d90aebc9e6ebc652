"""The queue decides batches from requests and the time alone."""

from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.errors import Overloaded
from services.runtime.queue import BatchingPolicy, RequestQueue


@dataclass(eq=False)
class Ticket:
    rows: int = 1
    bucket: str = "a"
    enqueued_at: float = 0.0
    dies_at: float = inf
    number: int = field(default=0)

    def alive(self, now: float) -> bool:
        return now < self.dies_at


def queue_of(policy: BatchingPolicy, *tickets: Ticket) -> RequestQueue[Ticket]:
    queue: RequestQueue[Ticket] = RequestQueue(policy)
    for ticket in tickets:
        queue.push(ticket)
    return queue


def rows(batch: list[Ticket]) -> list[int]:
    return [ticket.rows for ticket in batch]


def test_an_empty_queue_is_never_ready() -> None:
    queue = queue_of(BatchingPolicy(max_batch_size=8, dynamic=True))
    assert queue.ready_at() == inf
    assert queue.take(1e9) == []


def test_without_a_delay_whatever_waits_goes_at_once_up_to_the_maximum() -> None:
    queue = queue_of(BatchingPolicy(max_batch_size=8, dynamic=True), *(Ticket() for _ in range(11)))
    assert queue.ready_at() == -inf
    assert [len(queue.take(0.0)), len(queue.take(0.0)), len(queue)] == [8, 3, 0]


def test_without_dynamic_batching_every_request_goes_alone() -> None:
    queue = queue_of(BatchingPolicy(max_batch_size=8), Ticket(rows=3), Ticket(rows=2))
    assert [rows(queue.take(0.0)), rows(queue.take(0.0))] == [[3], [2]]


def test_the_delay_counts_from_the_oldest_request() -> None:
    policy = BatchingPolicy(max_batch_size=8, dynamic=True, max_queue_delay=5.0)
    queue = queue_of(policy, Ticket(enqueued_at=1.0), Ticket(enqueued_at=4.0))
    assert queue.ready_at() == 6.0
    assert queue.take(5.9) == []
    assert len(queue.take(6.0)) == 2


def test_a_full_batch_does_not_wait_for_the_delay() -> None:
    policy = BatchingPolicy(max_batch_size=4, dynamic=True, max_queue_delay=5.0)
    queue = queue_of(policy, *(Ticket() for _ in range(5)))
    assert queue.ready_at() == -inf
    assert len(queue.take(0.0)) == 4
    assert queue.take(0.0) == []


def test_the_largest_preferred_size_that_is_reached_goes_at_once() -> None:
    policy = BatchingPolicy(8, dynamic=True, preferred_batch_sizes=frozenset({2, 4}), max_queue_delay=5.0)
    queue = queue_of(policy, *(Ticket() for _ in range(5)))
    assert len(queue.take(0.0)) == 4
    assert queue.take(0.0) == [], "one request is no preferred size and may still wait"
    assert len(queue.take(5.0)) == 1


def test_after_the_delay_everything_that_fits_goes_whatever_is_preferred() -> None:
    policy = BatchingPolicy(8, dynamic=True, preferred_batch_sizes=frozenset({4}), max_queue_delay=5.0)
    queue = queue_of(policy, *(Ticket() for _ in range(7)))
    assert len(queue.take(5.0)) == 7


def test_a_request_that_does_not_fit_ends_the_wait_of_those_before_it() -> None:
    policy = BatchingPolicy(max_batch_size=4, dynamic=True, max_queue_delay=5.0)
    queue = queue_of(policy, Ticket(rows=3), Ticket(rows=2))
    assert rows(queue.take(0.0)) == [3]


def test_another_shape_does_not_cut_the_batch() -> None:
    policy = BatchingPolicy(max_batch_size=4, dynamic=True)
    queue = queue_of(policy, *(Ticket(bucket=bucket) for bucket in "abababa"))
    assert [[ticket.bucket for ticket in queue.take(0.0)] for _ in range(2)] == [list("aaaa"), list("bbb")]


def test_the_oldest_head_goes_first_among_buckets_that_are_due() -> None:
    policy = BatchingPolicy(max_batch_size=4, dynamic=True)
    queue = queue_of(policy, Ticket(bucket="b", enqueued_at=1.0), Ticket(bucket="a", enqueued_at=0.5))
    assert queue.take(2.0)[0].bucket == "a"


def test_a_full_queue_refuses_with_its_bound() -> None:
    policy = BatchingPolicy(max_batch_size=1, max_queue_size=2)
    queue = queue_of(policy, Ticket(), Ticket())
    with pytest.raises(Overloaded, match="2 requests already wait and max_queue_size is 2"):
        queue.push(Ticket())


def test_the_dead_do_not_fill_a_bounded_queue() -> None:
    queue = queue_of(BatchingPolicy(max_queue_size=2), Ticket(dies_at=1.0), Ticket())
    queue.push(Ticket(enqueued_at=1.0))
    assert len(queue) == 2


def test_the_dead_never_reach_a_batch_and_leave_their_place_to_the_living() -> None:
    policy = BatchingPolicy(max_batch_size=2, dynamic=True)
    queue = queue_of(
        policy, Ticket(number=0, dies_at=1.0), Ticket(number=1), Ticket(number=2, dies_at=1.0), Ticket(number=3)
    )
    assert [ticket.number for ticket in queue.take(2.0)] == [1, 3]


def test_a_batch_whose_dead_made_it_full_waits_again() -> None:
    policy = BatchingPolicy(max_batch_size=2, dynamic=True, max_queue_delay=5.0)
    queue = queue_of(policy, Ticket(), Ticket(dies_at=1.0))
    assert queue.take(1.0) == []
    assert queue.ready_at() == 5.0


tickets = st.lists(
    st.builds(
        Ticket,
        rows=st.integers(1, 4),
        bucket=st.sampled_from("ab"),
        enqueued_at=st.floats(0, 10),
        dies_at=st.one_of(st.just(inf), st.floats(0, 40)),
    ),
    max_size=40,
).map(lambda found: sorted(found, key=lambda ticket: ticket.enqueued_at))

policies = st.builds(
    BatchingPolicy,
    max_batch_size=st.integers(4, 8),
    dynamic=st.booleans(),
    preferred_batch_sizes=st.frozensets(st.integers(1, 4), max_size=3),
    max_queue_delay=st.floats(0, 20),
)


@given(policy=policies, waiting=tickets, steps=st.lists(st.floats(0, 30), max_size=10))
def test_nothing_is_lost_split_reordered_mixed_or_computed_dead(
    policy: BatchingPolicy, waiting: list[Ticket], steps: list[float]
) -> None:
    queue = queue_of(policy, *waiting)
    taken: list[Ticket] = []
    now = 10.0
    for step in [*steps, 100.0]:
        now += step
        while batch := queue.take(now):
            assert sum(rows(batch)) <= policy.max_batch_size
            assert len({ticket.bucket for ticket in batch}) == 1
            assert all(ticket.alive(now) for ticket in batch)
            assert policy.dynamic or len(batch) == 1
            taken += batch
    assert len(queue) == 0
    assert queue.ready_at() == inf
    assert {id(ticket) for ticket in waiting if ticket.dies_at == inf} <= {id(ticket) for ticket in taken}
    assert len({id(ticket) for ticket in taken}) == len(taken)
    order = {id(ticket): place for place, ticket in enumerate(waiting)}
    for bucket in "ab":
        places = [order[id(ticket)] for ticket in taken if ticket.bucket == bucket]
        assert places == sorted(places)


@given(policy=policies, waiting=tickets, now=st.floats(0, 60))
def test_a_batch_comes_exactly_when_the_queue_said_so(
    policy: BatchingPolicy, waiting: list[Ticket], now: float
) -> None:
    for ticket in waiting:
        ticket.dies_at = inf
    queue = queue_of(policy, *waiting)
    due = queue.ready_at()
    assert bool(queue.take(now)) == (due <= now)
