"""How good generated images are apart from how varied they are, by the neighbourhoods of images in features.

A Frechet distance is one number for both faults. Here "precision" and "density" fall when images are bad, "recall" and
"coverage" when kinds of images are missing.
"""

from dataclasses import dataclass

from training.errors import TrainingError
from training.metrics.distances import distances, neighbour_radii
from training.metrics.frechet import Features

MANIFOLD_NEIGHBOURS = 3
"""k of precision and recall (Kynkaanniemi et al. 2019, section 2)."""
DENSITY_NEIGHBOURS = 5
"""k of density and coverage (Naeem et al. 2020, section 4)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What made images share with real ones.

    Attributes:
        precision: share of made images that lie within the real ones, 0..1.
        recall: share of real images that lie within the made ones, 0..1.
        density: how many real neighbourhoods a made image lies in, as a share of k; 0 or more, about 1 is as real.
        coverage: share of real images in whose neighbourhood a made one lies, 0..1.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def measure_coverage(real: Features, made: Features) -> Coverage:
    """Precision and recall, density and coverage.

    "Improved precision and recall metric for assessing generative models" (2019), equations 1 and 2, and "Reliable
    fidelity and diversity metrics for generative models" (2020), equations 4 and 6; an image's neighbourhood reaches to
    its k-th nearest image of the same set.

    Args:
        real: float64 (n, d).
        made: float64 (m, d).

    Raises:
        TrainingError: a set has no more images than a neighbourhood has.
    """
    few = min(len(real), len(made))
    if few <= DENSITY_NEIGHBOURS:
        raise TrainingError(f"coverage needs more than {DENSITY_NEIGHBOURS} real and made images, not {few}")
    between = distances(real, made)
    inside = between <= neighbour_radii(real, DENSITY_NEIGHBOURS)[:, None]
    return Coverage(
        precision=float((between <= neighbour_radii(real, MANIFOLD_NEIGHBOURS)[:, None]).any(0).mean()),
        recall=float((between <= neighbour_radii(made, MANIFOLD_NEIGHBOURS)[None]).any(1).mean()),
        density=float(inside.sum(0).mean() / DENSITY_NEIGHBOURS),
        coverage=float(inside.any(1).mean()),
    )
