"""Who is who: crossings, gaps, people who come and go, and what may never happen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detector.tracking import REMEMBERED_FRAMES, Motion, Tracker

FRAME_US = 33_333
NOBODY = np.zeros((0, 4))
CORNERS, SIDES = st.tuples(*[st.integers(0, 200)] * 2), st.tuples(*[st.integers(1, 90)] * 2)
DETECTIONS = st.lists(st.tuples(CORNERS, SIDES, st.floats(0, 1)), max_size=6)


def follow(tracker: Tracker, frame: int, *boxes: Sequence[float], score: Any = 0.9) -> list[int]:
    array = np.array(boxes, float).reshape(-1, 4)
    ids = tracker.follow(array, np.broadcast_to(score, len(array)), frame * FRAME_US)
    return [int(number) for number in ids]


def square(x: float, y: float = 50, side: float = 40) -> tuple[float, ...]:
    return (x, y, x + side, y + side)


@pytest.mark.parametrize("hidden", [range(0), range(18, 23), range(16, 26)])
@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_two_who_cross_keep_their_numbers(hidden: range, noise: float) -> None:
    tracker, generator = Tracker(0.25), np.random.default_rng(3)
    starts, speeds = np.array([0.0, 160.0]), np.array([4.0, -4.0])
    owners: list[dict[int, int]] = []
    for frame in range(41):  # they meet in frame 20
        people = [0] if frame in hidden else [0, 1]  # the second passes behind the first
        boxes = np.array([square(x, y) for x, y in zip(starts + speeds * frame, (50, 54), strict=True)])[people]
        ids = follow(tracker, frame, *boxes + generator.normal(0, noise, boxes.shape))
        owners.append(dict(zip(people, ids, strict=True)))
    assert {seen[0] for seen in owners} == {1}
    assert {seen[1] for seen in owners if 1 in seen} == {2}


def test_someone_who_is_missed_for_some_frames_is_still_the_same() -> None:
    tracker = Tracker(0.25)
    ids = [follow(tracker, frame, *([] if 5 <= frame < 15 else [square(3 * frame)])) for frame in range(25)]
    assert {number for found in ids for number in found} == {1}


def test_someone_who_is_away_for_longer_comes_back_as_somebody_else() -> None:
    tracker = Tracker(0.25)
    follow(tracker, 0, square(0))
    follow(tracker, 1, square(0))
    for frame in range(2, REMEMBERED_FRAMES + 3):
        follow(tracker, frame)
    assert tracker.ids == frozenset()
    follow(tracker, REMEMBERED_FRAMES + 3, square(0))
    assert follow(tracker, REMEMBERED_FRAMES + 4, square(0)) == [2]


def test_a_slow_video_is_remembered_by_frames() -> None:
    tracker = Tracker(0.25)
    follow(tracker, 0, square(0))
    follow(tracker, 60, square(0))
    follow(tracker, 120)
    assert follow(tracker, 180, square(0)) == [1]


def test_who_enters_is_reported_from_the_second_frame_on() -> None:
    tracker = Tracker(0.25)
    assert follow(tracker, 0, square(0)) == [1]
    assert follow(tracker, 1, square(1), square(100)) == [1, 0]
    assert follow(tracker, 2, square(2), square(101)) == [1, 2]


def test_what_is_seen_once_is_nobody() -> None:
    tracker = Tracker(0.25)
    follow(tracker, 0)
    assert follow(tracker, 1, square(0)) == [0]
    follow(tracker, 2)
    assert follow(tracker, 3, square(0)) == [0]
    assert tracker.ids == frozenset()


def test_an_unsure_detection_continues_a_track_but_begins_none() -> None:
    tracker = Tracker(0.5)
    follow(tracker, 0, square(0))
    assert follow(tracker, 1, square(1), square(100), score=[0.15, 0.15]) == [1, 0]
    assert follow(tracker, 2, square(2), square(100), score=[0.15, 0.15]) == [1, 0]
    assert follow(tracker, 3, square(2), score=0.05) == [0]


def test_beginning_needs_more_than_continuing() -> None:
    tracker = Tracker(0.5)
    assert follow(tracker, 0, square(0), square(100), score=[0.55, 0.65]) == [0, 1]


def test_frames_at_the_same_time_are_frames_of_a_usual_video() -> None:
    tracker = Tracker(0.25)
    ids = [tracker.follow(np.array([square(5 * n)]), np.ones(1), 0).tolist() for n in range(20)]
    assert ids == [[1]] * 20


def test_after_forgetting_numbers_go_on() -> None:
    tracker = Tracker(0.25)
    follow(tracker, 0, square(0))
    tracker.forget()
    assert follow(tracker, 1, square(0)) == [2]


def test_the_motion_is_learnt() -> None:
    motion = Motion()
    motion.begin(np.array([square(0)]))
    for frame in range(1, 30):
        motion.predict(1)
        motion.correct(np.array([0]), np.array([square(5 * frame)]))
    assert motion.predict(10)[0] == pytest.approx(square(5 * 39), abs=5)  # a quarter of one step for each


def test_the_four_filters_are_the_one_with_eight_states() -> None:
    """Against the textbook's matrices, in one dimension of each, with the noise of the docstring."""
    box, height = np.array([square(0)]), 40.0
    motion = Motion()
    motion.begin(box)
    state = np.array([20.0, 0.0])
    covariance = np.diag([(height / 10) ** 2, (height / 16) ** 2])
    move, see = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    for step in range(1, 4):
        motion.predict(2)
        state = move @ state
        covariance = move @ covariance @ move.T + 2 * np.diag([(height / 20) ** 2, (height / 160) ** 2])
        motion.correct(np.array([0]), np.array([square(7 * step)]))
        gain = covariance @ see.T / (covariance[0, 0] + (height / 20) ** 2)
        state = state + gain[:, 0] * (7 * step + 20 - state[0])
        covariance = covariance - gain @ see @ covariance
        assert (motion.position[0, 0], motion.velocity[0, 0]) == pytest.approx(tuple(state))


@given(st.lists(st.tuples(DETECTIONS, st.integers(0, 400_000)), max_size=25), st.floats(0, 1))
def test_no_number_is_given_twice_in_a_frame_or_after_it_was_lost(
    frames: list[tuple[list[Any], int]], least_score: float
) -> None:
    tracker, time_us, ever, alive = Tracker(least_score), 0, set[int](), frozenset[int]()
    for detections, passed_us in frames:
        time_us += passed_us
        boxes = np.array([(x, y, x + w, y + h) for (x, y), (w, h), _ in detections], float).reshape(-1, 4)
        ids = tracker.follow(boxes, np.array([score for *_, score in detections]), time_us)
        given = [number for number in ids.tolist() if number]
        assert len(given) == len(set(given))
        assert set(given) <= tracker.ids
        assert not {number for number in tracker.ids if number in ever and number not in alive}
        ever |= tracker.ids
        alive = tracker.ids
    assert ever == set(range(1, len(ever) + 1))
