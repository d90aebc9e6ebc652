"""What a seed means, and which vectors a space has: pure functions on arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.latents import Distribution, LatentSpace, draw_points
from services.runtime.errors import InvalidInput

SEEDS = st.integers(0, 2**64 - 1)
INDICES = st.integers(0, 2**32 - 1)
SPACES = st.builds(
    LatentSpace,
    name=st.just("z"),
    dimensions=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    distribution=st.sampled_from(["normal", "uniform"]),
    location=st.floats(-3, 3),
    scale=st.floats(0.1, 3),
)


@pytest.mark.parametrize(
    ("distribution", "seed", "index", "numbers"),
    [
        ("normal", 0, 0, [0.1592954695224762, -1.77418851852417, 1.3265118598937988]),
        ("normal", 7, 3, [-0.08230740576982498, -0.018490802496671677, -0.8722470998764038]),
        ("normal", 2**64 - 1, 0, [-2.7686715126037598, 1.6779206991195679, -0.4522327184677124]),
        ("uniform", 0, 0, [-0.9769064784049988, -0.5169016122817993, -0.7771483063697815]),
        ("uniform", 7, 3, [-0.4596075713634491, 0.7520003914833069, -0.8788065910339355]),
    ],
)
def test_the_draw_is_that_of_training(distribution: Distribution, seed: int, index: int, numbers: list[float]) -> None:
    space = LatentSpace("z", (3,), distribution, 0.0, 1.0)
    drawn = draw_points(space, 0, [(1, 1), (seed, index)]).latents[1]
    np.testing.assert_array_equal(drawn, np.array(numbers, np.float32))


@settings(deadline=None)
@given(SPACES, st.lists(st.tuples(SEEDS, INDICES), min_size=1, max_size=5), st.integers(0, 11))
def test_a_draw_depends_on_its_own_seed_and_index_alone(
    space: LatentSpace, origins: list[tuple[int, int]], classes: int
) -> None:
    together = draw_points(space, classes, origins)
    for row, origin in enumerate(origins):
        alone = draw_points(space, classes, [origin])
        np.testing.assert_array_equal(together.latents[row], alone.latents[0])
        assert together.classes[row] == alone.classes[0]
        assert 0 <= together.classes[row] < max(1, classes)
    np.testing.assert_array_equal(together.latents, draw_points(space, 0, origins).latents)


@settings(deadline=None)
@given(SPACES, SEEDS, st.floats(0.01, 1))
def test_truncation_is_a_share_of_the_distance_from_the_middle_and_what_is_drawn_is_in_the_space(
    space: LatentSpace, seed: int, truncation: float
) -> None:
    (whole,) = draw_points(space, 0, [(seed, 0)]).latents
    (short,) = draw_points(space, 0, [(seed, 0)], truncation).latents
    # Both were rounded to float32 near a location of at most 3.
    np.testing.assert_allclose(short - space.location, truncation * (whole - space.location), atol=2e-6)
    for values in (whole, short):
        space.check(values, "values")
        np.testing.assert_array_equal(space.within(values), values)


def test_different_images_differ() -> None:
    space = LatentSpace("z", (100,), "normal", 0.0, 1.0)
    origins = [(seed, index) for seed in range(20) for index in range(20)]
    points = draw_points(space, 10, origins)
    assert len(np.unique(points.latents[:, 0])) == len(origins)
    assert np.abs(points.latents.mean()) < 0.02  # five deviations of the mean of 40,000 numbers are 0.025
    assert np.abs(points.latents.std() - 1) < 0.02
    assert set(points.classes) == set(range(10))


@pytest.mark.parametrize(
    ("distribution", "values", "field", "sentence"),
    [
        ("normal", [0, 0], "v", "v has 2 values; space 'z' has 3"),
        ("normal", [0, np.nan, 0], "v[1]", "v[1] is nan; it must be finite"),
        ("uniform", [0, 0, -np.inf], "v[2]", "v[2] is -inf; it must be finite"),
        ("normal", [20.5, 0, 0], "v[0]", "v[0] is 20.5; in space 'z' values are -20 to 20"),
        ("uniform", [0, 1.5, 7], "v[1]", "v[1] is 1.5; in space 'z' values are -1 to 1"),
    ],
)
def test_what_is_no_vector_of_the_space_is_told_with_its_place(
    distribution: Distribution, values: list[float], field: str, sentence: str
) -> None:
    space = LatentSpace("z", (3,), distribution, 0.0, 1.0)
    with pytest.raises(InvalidInput) as caught:
        space.check(np.array(values, np.float32), "v")
    assert (str(caught.value), caught.value.field) == (sentence, field)
