"""The Frechet distance between two sets of images, in the features of a network that knows such images."""

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

Features = NDArray[np.float64]
"""(n, d), a row for each image."""


def frechet_distance(first: Features, second: Features) -> float:
    """The squared Frechet distance between two normal distributions fitted to features; 0 or more, 0 for equal sets.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)): Heusel et al. 2017 ("GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium"), equation 6. With S1 = R1' R1 and S2 = R2' R2, which QR decompositions of the
    centred features give, the trace of the root is the sum of the singular values of R1 R2': no covariance is formed
    and no root of rounding errors taken.
    It has the square of the features' unit: distances in features of different networks cannot be compared.

    Args:
        first: float64 (n, d).
        second: float64 (m, d).

    Raises:
        TrainingError: a set has no more images than features: its covariance would be a guess, the distance too.
    """
    for features in (first, second):
        if not knows_covariance(features):
            raise TrainingError(
                f"the Frechet distance in {features.shape[1]} features needs more than {features.shape[1]} images, "
                f"not {len(features)}"
            )
    root, other = _root(first), _root(second)
    apart = np.square(first.mean(0) - second.mean(0)).sum()
    spread = np.square(root).sum() + np.square(other).sum() - 2 * np.linalg.svd(root @ other.T, compute_uv=False).sum()
    return float(max(0.0, apart + spread))


def knows_covariance(features: Features) -> bool:
    """Whether there are images enough for a covariance of full rank."""
    return len(features) > int(features.shape[1])


def _root(features: Features) -> Features:
    """R with R'R the covariance."""
    centred = features - features.mean(0)
    root: Features = np.linalg.qr(centred / np.sqrt(len(features) - 1), mode="r")  # type: ignore[assignment] # numpy's gap
    return root
