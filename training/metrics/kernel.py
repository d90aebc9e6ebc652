"""The kernel distance between two sets of images: unbiased, so it may be compared between sets of different sizes."""

import warnings
from dataclasses import dataclass

import torch
from torch import nn
from torchmetrics.image.kid import KernelInceptionDistance

from training.errors import TrainingError
from training.metrics.frechet import Features

SUBSETS = 100
LARGEST = 1000
"""Images of a subset at most, as in the paper."""


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """Of the subsets, in no unit: 0 for sets from one distribution, by chance also a little less."""

    mean: float
    deviation: float


def kernel_distance(first: Features, second: Features, seed: int = 0) -> KernelDistance:
    """The squared maximum mean discrepancy under the kernel (x'y / d + 1)^3, by torchmetrics.

    Binkowski et al. 2018 ("Demystifying MMD GANs"), section 4: mean and deviation over random subsets, here 100 of half
    the smaller set and at most 1000 images.

    Args:
        first: float64 (n, d).
        second: float64 (m, d).
        seed: of the subsets.

    Raises:
        TrainingError: there are fewer than four images on a side.
    """
    size = min(LARGEST, len(first) // 2, len(second) // 2)
    if size < 2:
        raise TrainingError(f"the kernel distance needs at least 4 images, not {min(len(first), len(second))}")
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all")  # which is wanted here
        torch.manual_seed(seed)
        metric = KernelInceptionDistance(nn.Identity(), subsets=SUBSETS, subset_size=size)
        metric.update(torch.from_numpy(first), real=True)
        metric.update(torch.from_numpy(second), real=False)
        mean, deviation = metric.compute()
    return KernelDistance(float(mean), float(deviation))
