"""Draws latent vectors as the generator's service draws them, so that a seed means the same image here and there.

Image `index` of seed `seed` comes from numpy's `Generator(Philox(key=seed, counter=[0, 0, 0, index]))`: a generator
of its own for each image, so that no image depends on how many are asked for, or with what they share a batch. Values
are drawn in float64, all of one vector in one call, and then rounded to float32. `training` and `services` import
nothing of each other: this rule is written down on both sides, and tests of both hold the same numbers.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from training.adversarial.model import Latent


def draw_latent(latent: Latent, seed: int, index: int = 0) -> NDArray[np.float32]:
    """One vector.

    Args:
        latent: the space; normal is of mean 0 and deviation 1, uniform from -1 to 1.
        seed: 0 .. 2**64 - 1.
        index: of the image among those of one request, 0 .. 2**64 - 1.

    Returns:
        float32 (latent.size,)
    """
    random = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
    if latent.distribution == "normal":
        return random.normal(0.0, 1.0, latent.size).astype(np.float32)
    return random.uniform(-1.0, 1.0, latent.size).astype(np.float32)


def draw_latents(latent: Latent, seeds: Iterable[int]) -> NDArray[np.float32]:
    """The first vector of each seed, float32 (seeds, latent.size)."""
    return np.stack([draw_latent(latent, seed) for seed in seeds])
