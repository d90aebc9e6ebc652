"""Frechet and kernel distances are those of known distributions."""

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from training.errors import TrainingError
from training.metrics.frechet import Features, frechet_distance
from training.metrics.kernel import kernel_distance


def normal(count: int, size: int, seed: int = 0) -> Features:
    """Exactly of mean 0 and covariance 1, so that distances are exact too."""
    drawn = np.random.default_rng(seed).normal(size=(count, size))
    drawn -= drawn.mean(0)
    return np.asarray(np.linalg.qr(drawn)[0] * np.sqrt(count - 1))


def test_a_set_has_no_distance_to_itself() -> None:
    features = normal(100, 8)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-10)  # rounding of float64


def test_moved_and_stretched_normals_have_the_distance_that_the_formula_gives() -> None:
    moved = normal(200, 4, seed=1) + np.array([3.0, 0, 0, 0])
    stretched = normal(200, 4, seed=2) * np.array([2.0, 1, 1, 1])
    assert frechet_distance(normal(200, 4), moved) == pytest.approx(9)
    assert frechet_distance(normal(200, 4), stretched) == pytest.approx((2 - 1) ** 2)


def test_torchmetrics_finds_the_same_distance_between_correlated_features() -> None:
    random = np.random.default_rng(3)
    first = random.normal(size=(300, 6)) @ random.normal(size=(6, 6))
    second = random.normal(size=(200, 6)) @ random.normal(size=(6, 6)) + 1
    same = nn.Identity()
    same.num_features = torch.tensor(6)
    reference = FrechetInceptionDistance(same)
    reference.update(torch.from_numpy(first), real=True)
    reference.update(torch.from_numpy(second), real=False)
    assert frechet_distance(first, second) == pytest.approx(
        float(reference.compute()), rel=1e-9
    )  # float64 on both sides


def test_too_few_images_are_refused_with_both_numbers() -> None:
    with pytest.raises(TrainingError, match="in 8 features needs more than 8 images, not 5"):
        frechet_distance(normal(100, 8), np.ones((5, 8)))


def test_the_kernel_distance_is_0_within_its_deviation_for_one_distribution_and_far_above_for_two() -> None:
    random = np.random.default_rng(4)
    first, second = random.normal(size=(200, 8)), random.normal(size=(160, 8))
    alike, apart = kernel_distance(first, second), kernel_distance(first, second + 2)
    assert abs(alike.mean) < 3 * alike.deviation  # unbiased: the sign is left to chance
    assert apart.mean > 10 * apart.deviation
    assert kernel_distance(first, second) == alike  # the subsets come from the seed
    with pytest.raises(TrainingError, match="at least 4 images, not 3"):
        kernel_distance(first, second[:3])
