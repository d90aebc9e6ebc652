"""The ways between latent vectors: pure functions on arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from services.generator.interpolation import Vector, Walk, linear, spherical
from services.generator.latents import LatentSpace, Points, draw_points

SHARES = st.floats(0, 1)
VECTORS = arrays(np.float64, 5, elements=st.floats(-5, 5).filter(lambda value: value == 0 or abs(value) > 1e-3))
NORMAL = LatentSpace("z", (5,), "normal", 0.0, 1.0)


def length(vector: Vector) -> float:
    return float(np.linalg.norm(vector))


def angle(one: Vector, other: Vector) -> float:
    return float(np.arccos(np.clip(one @ other / (length(one) * length(other)), -1, 1)))


@settings(deadline=None)
@given(VECTORS, VECTORS, SHARES)
def test_on_a_great_circle_the_length_goes_evenly_from_end_to_end(start: Vector, end: Vector, share: float) -> None:
    between = spherical(start, end, share)
    assert np.isfinite(between).all()
    if length(start) and length(end) and not _parallel(start, end):
        # In units of the last place of float64, with room for the sums of five products.
        assert length(between) == pytest.approx((1 - share) * length(start) + share * length(end), rel=1e-9)


@settings(deadline=None)
@given(VECTORS, VECTORS, st.floats(0.01, 0.99))
def test_on_a_great_circle_the_angle_goes_evenly_too(start: Vector, end: Vector, share: float) -> None:
    if not length(start) or not length(end) or angle(start, end) < 0.01:
        return
    between = spherical(start, end, share)
    # An arc cosine near 0 and near pi holds half the digits.
    assert angle(start, between) == pytest.approx(share * angle(start, end), abs=1e-6)


@settings(deadline=None)
@given(VECTORS, VECTORS, SHARES)
def test_the_way_back_is_the_way_there(start: Vector, end: Vector, share: float) -> None:
    if length(start) and length(end) and angle(start, end) > 3.14:
        return  # opposite ends: one of many great circles is taken
    for way in (linear, spherical):
        np.testing.assert_allclose(way(start, end, share), way(end, start, 1 - share), atol=1e-6)


@settings(deadline=None)
@given(VECTORS)
def test_opposite_ends_are_joined_by_a_great_circle_all_the_same(start: Vector) -> None:
    if length(start):
        middle = spherical(start, -2 * start, 0.5)
        assert length(middle) == pytest.approx(1.5 * length(start))
        assert abs(middle @ start) < 1e-9 * length(start) * length(middle)


def _parallel(start: Vector, end: Vector) -> bool:
    return angle(start, end) < 1e-6


def walk(space: LatentSpace, stops: int, steps: int, *, closed: bool = False, great_circles: bool = True) -> Walk:
    points = draw_points(space, 3, [(seed, 0) for seed in range(stops)])
    return Walk(space, points, steps, closed=closed, great_circles=great_circles)


@settings(deadline=None)
@given(st.integers(2, 5), st.integers(1, 6), st.booleans(), st.data())
def test_at_a_stop_a_walk_is_the_stop_itself_however_it_is_cut(
    stops: int, steps: int, closed: bool, data: st.DataObject
) -> None:
    way = walk(NORMAL, stops, steps, closed=closed)
    assert len(way) == (stops * steps if closed else (stops - 1) * steps + 1)
    whole = way.points(0, len(way))
    start = data.draw(st.integers(0, len(way) - 1))
    end = data.draw(st.integers(start + 1, len(way)))
    np.testing.assert_array_equal(whole.latents[start:end], way.points(start, end).latents)
    for stop in range(stops):
        index = stop * steps
        assert way.position(index) == stop
        np.testing.assert_array_equal(whole.latents[index], way.stops.latents[stop])
        assert whole.origins[index] == (stop, 0)
    assert sum(origin is not None for origin in whole.origins) == stops


def test_a_closed_walk_ends_a_step_before_its_beginning() -> None:
    way = walk(NORMAL, 3, 4, closed=True, great_circles=False)
    last = way.points(11, 12).latents[0]
    expected = 0.25 * way.stops.latents[2] + 0.75 * way.stops.latents[0]
    np.testing.assert_allclose(last, expected, atol=1e-6)


def test_between_stops_the_nearer_class_is_shown() -> None:
    stops = Points(np.zeros((2, 5), np.float32), np.array([2, 1]), [None, None])
    way = Walk(NORMAL, stops, 4, closed=False, great_circles=True)
    assert way.points(0, 5).classes.tolist() == [2, 2, 1, 1, 1]


def test_a_great_circle_goes_around_the_middle_of_the_space_and_stays_inside_a_uniform_one() -> None:
    space = LatentSpace("z", (2,), "uniform", 5.0, 1.0)
    corners: NDArray[np.float32] = np.array([[6, 6], [6, 4]], np.float32)
    way = Walk(space, Points(corners, np.zeros(2, np.int64), [None, None]), 2, closed=False, great_circles=True)
    np.testing.assert_allclose(way.points(1, 2).latents[0], [6, 5], atol=1e-6)  # the circle itself is at 6.41
