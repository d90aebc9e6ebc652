"""What several runs of one experiment have in common: never one number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where the true one lies, at 95 % confidence.

    Attributes:
        mean: of the runs.
        low: of the interval; None for a single run, of which nothing is known.
        high: as `low`.
        runs: how many.
    """

    mean: float
    low: float | None
    high: float | None
    runs: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"


def interval(values: Sequence[float]) -> Interval:
    """Student's t interval: runs that differ only in their seed are few, and near enough to normal.

    Args:
        values: one for each run, at least one.
    """
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Interval(mean, None, None, 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * float(np.std(values, ddof=1)) / count**0.5
    return Interval(mean, mean - half, mean + half, count)
