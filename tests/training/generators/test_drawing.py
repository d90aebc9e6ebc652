"""A seed means the same latent vector in training and in the service, on any machine with any numpy."""

from typing import Literal

import numpy as np
import pytest

from services.generator.latents import LatentSpace, draw_points
from training.adversarial.model import Latent
from training.generators.drawing import draw_latent, draw_latents

NUMBERS = [
    ("normal", 0, 0, [0.1592954695224762, -1.77418851852417, 1.3265118598937988]),
    ("normal", 7, 3, [-0.08230740576982498, -0.018490802496671677, -0.8722470998764038]),
    ("normal", 2**64 - 1, 0, [-2.7686715126037598, 1.6779206991195679, -0.4522327184677124]),
    ("uniform", 0, 0, [-0.9769064784049988, -0.5169016122817993, -0.7771483063697815]),
    ("uniform", 7, 3, [-0.4596075713634491, 0.7520003914833069, -0.8788065910339355]),
]
"""Of numpy's Philox with the seed as its key and the image's index as the last word of its counter."""


@pytest.mark.parametrize(("distribution", "seed", "index", "numbers"), NUMBERS)
def test_the_draw_is_that_of_the_service(distribution: str, seed: int, index: int, numbers: list[float]) -> None:
    drawn = draw_latent(Latent(3, distribution), seed, index)  # type: ignore[arg-type]  # one of its two names
    np.testing.assert_array_equal(drawn, np.array(numbers, np.float32))


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_service_draws_the_same(distribution: Literal["normal", "uniform"]) -> None:
    origins = [(0, 0), (7, 3), (2**64 - 1, 2**32 - 1)]
    served = draw_points(LatentSpace("z", (100,), distribution, 0.0, 1.0), 0, origins).latents
    for (seed, index), latent in zip(origins, served, strict=True):
        np.testing.assert_array_equal(draw_latent(Latent(100, distribution), seed, index), latent)


def test_vectors_of_several_seeds_are_the_first_of_each() -> None:
    latent = Latent(100, "uniform")
    drawn = draw_latents(latent, range(64))
    assert drawn.shape == (64, 100)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn[5], draw_latent(latent, 5))
    assert np.abs(drawn).max() <= 1
