"""The way from one latent vector to the next: which points it passes, and when. Pure functions on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generator.latents import LatentSpace, Origin, Points

Vector = NDArray[np.float64]

_PARALLEL = 1e-9
"""Least sine of an angle that names a great circle."""


def linear(start: Vector, end: Vector, share: float) -> Vector:
    """The point at `share`, 0..1, of the straight way."""
    return (1 - share) * start + share * end


def spherical(start: Vector, end: Vector, share: float) -> Vector:
    """The point at `share`, 0..1, of the great circle around 0 (Shoemake 1985, "slerp"; for latent spaces White 2016).

    The length goes evenly from one end's to the other's. Where the ends lie opposite each other every great circle is
    as short: it leads through the axis that is farthest from both. From or to 0 the way is straight.
    """
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if min(lengths) == 0 or len(start) < 2:
        return linear(start, end, share)
    here, there = start / lengths[0], end / lengths[1]
    # The part of one direction that is at right angles to the other: exact for small angles, unlike an arc cosine.
    cosine = float(here @ there)
    across = there - cosine * here
    sine = float(np.linalg.norm(across))
    if sine < _PARALLEL:
        if cosine > 0:
            return linear(start, end, share)
        axis = np.zeros_like(here)
        axis[np.argmin(np.abs(here))] = 1.0
        across = axis - (axis @ here) * here
        sine, cosine = 0.0, -1.0
    across /= np.linalg.norm(across)
    angle = share * float(np.arctan2(sine, cosine))
    length = (1 - share) * lengths[0] + share * lengths[1]
    return np.asarray(length * (np.cos(angle) * here + np.sin(angle) * across))


@dataclass(frozen=True, slots=True)
class Walk:
    """A way through stops.

    Attributes:
        space: that all stops lie in.
        stops: at least two.
        steps: images from one stop to the next, at least 1.
        closed: whether it goes back to the first stop.
        great_circles: whether it goes around the space's location, or straight.
    """

    space: LatentSpace
    stops: Points
    steps: int
    closed: bool
    great_circles: bool

    def __len__(self) -> int:
        """Images on the whole way."""
        return self.steps * len(self.stops) if self.closed else self.steps * (len(self.stops) - 1) + 1

    def position(self, index: int) -> float:
        """Where image `index` lies: 1.5 is half-way from the second stop to the third."""
        return index / self.steps

    def points(self, start: int, end: int) -> Points:
        """What the images from `start` to before `end` are made of; at a stop it is the stop itself, to the bit."""
        rows = [self._point(index) for index in range(start, end)]
        latents = np.stack([latent for latent, _, _ in rows])
        classes = np.array([number for _, number, _ in rows], np.int64)
        origins: Sequence[Origin | None] = [origin for _, _, origin in rows]
        return Points(latents, classes, origins)

    def _point(self, index: int) -> tuple[NDArray[np.float32], np.int64, Origin | None]:
        here, step = divmod(index, self.steps)
        if step == 0:
            return self.stops.latents[here], self.stops.classes[here], self.stops.origins[here]
        there, share = (here + 1) % len(self.stops), step / self.steps
        location = self.space.location
        start, end = (self.stops.latents[stop].astype(np.float64) - location for stop in (here, there))
        moved = (spherical if self.great_circles else linear)(start, end, share) + location
        return self.space.within(moved), self.stops.classes[here if share < 0.5 else there], None
