"""Precision and density fall when images are bad, recall and coverage when kinds of images are missing."""

import numpy as np
import pytest

from training.errors import TrainingError
from training.metrics.coverage import measure_coverage
from training.metrics.frechet import Features


def two_kinds(count: int, seed: int) -> Features:
    """Half of the points around -10, half around 10."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 4)) + np.where(np.arange(count) % 2, 10, -10)[:, None]


def test_a_set_beside_itself_is_perfect() -> None:
    real = two_kinds(60, 0)
    found = measure_coverage(real, real)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(1.2)  # each point lies in its own neighbourhood too: (5 + 1) / 5


def test_new_points_of_the_same_distribution_are_good_and_varied() -> None:
    found = measure_coverage(two_kinds(400, 0), two_kinds(400, 1))
    assert found.precision > 0.8
    assert found.recall > 0.8
    assert found.density == pytest.approx(1, abs=0.15)  # its expectation is 1; 0.15 is 4 deviations over seeds
    assert found.coverage == pytest.approx(1 - 0.5**5, abs=0.06)  # Naeem et al., lemma 2; 4 deviations over seeds


def test_a_collapsed_set_is_precise_and_covers_nothing() -> None:
    real = two_kinds(200, 0)
    collapsed = real[:1] + np.random.default_rng(1).normal(size=(200, 4)) * 1e-3
    found = measure_coverage(real, collapsed)
    assert found.precision == 1
    assert found.recall < 0.05
    assert found.coverage < 0.1


def test_a_missing_kind_halves_recall_and_coverage_alone() -> None:
    real, one_kind = two_kinds(400, 0), two_kinds(800, 1)[::2]
    found = measure_coverage(real, one_kind)
    assert found.precision > 0.8
    assert found.recall == pytest.approx(0.45, abs=0.06)  # half of what is reached with both kinds, and never above it
    assert found.coverage == pytest.approx(0.5, abs=0.03)


def test_noise_is_neither_precise_nor_dense() -> None:
    noise = np.random.default_rng(1).normal(size=(200, 4)) * 100
    found = measure_coverage(two_kinds(200, 0), noise)
    assert found.precision < 0.05
    assert found.density < 0.05


def test_fewer_images_than_a_neighbourhood_are_refused() -> None:
    with pytest.raises(TrainingError, match="more than 5 real and made images, not 5"):
        measure_coverage(two_kinds(20, 0), two_kinds(5, 0))
