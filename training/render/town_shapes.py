"""What a piece of town consists of, seen from above: shapes in pixels of the finished picture, no colours yet."""

from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points, smooth_path
from training.render.materials import Random


class Rank(Enum):
    """How important a street is; the number is its place in the order of painting."""

    STREET = 0
    AVENUE = 1
    HIGHWAY = 2


class Roof(Enum):
    """The form of a roof."""

    FLAT = 0
    GABLE = 1
    HIP = 2


@dataclass(frozen=True, slots=True)
class Street:
    """A line of n points, n x 2, its width, and its rank."""

    line: Points
    width: float
    rank: Rank


@dataclass(frozen=True, slots=True)
class House:
    """A box with a roof.

    Attributes:
        corners: 4 x 2, around it; a ridge runs along its first side.
        height: how far its shadow reaches under a sun at 45 degrees, in pixels.
        roof: its form.
        tint: 0..1, chooses the colour among those of its district.
        district: number of its district.
    """

    corners: Points
    height: float
    roof: Roof
    tint: float
    district: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A crown: its centre, its radius, and 0..1 for its tone."""

    centre: tuple[float, float]
    radius: float
    tone: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A piece of ground with a tone of its own, 0..1: a garden, or (with furrows' direction in radians) a field."""

    corners: Points
    tone: float
    furrows: float | None = None


@dataclass(slots=True)
class Town:
    """All shapes of one picture, in pixels; (0, 0) is the upper left corner.

    Attributes:
        width, height: of the picture.
        water, parks, paved: polygons; what is paved is a yard or a parking place.
        streets: those that are painted first come first.
        houses, trees, plots: as their classes say.
        pools: polygons in gardens, which a map does not show.
    """

    width: int
    height: int
    water: list[Points] = field(default_factory=list)
    parks: list[Points] = field(default_factory=list)
    paved: list[Points] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    streets: list[Street] = field(default_factory=list)
    houses: list[House] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    pools: list[Points] = field(default_factory=list)


class Taken:
    """Which pixels of a picture, and of a margin around it, something lies on already."""

    MARGIN = 24

    def __init__(self, width: int, height: int) -> None:
        shape = (height + 2 * self.MARGIN, width + 2 * self.MARGIN)
        self._grid, self._closed = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)

    def polygon(self, points: Points, *, closed: bool = False) -> None:
        """Take what a polygon covers; if it is `closed`, no bridge crosses it."""
        for grid in (self._grid, self._closed)[: 1 + closed]:
            cv2.fillPoly(grid, [np.round(points + self.MARGIN).astype(np.int32)], 1)

    def line(self, points: Points, width: float) -> None:
        """Take a line, `width` pixels thick."""
        cv2.polylines(self._grid, [np.round(points + self.MARGIN).astype(np.int32)], False, 1, max(1, round(width)))

    def at(self, points: Points, *, closed: bool = False) -> NDArray[np.bool_]:
        """Which of the points, n x 2, are taken, or `closed`; beyond the margin as at its edge."""
        grid = self._closed if closed else self._grid
        cells = (points + self.MARGIN).astype(np.intp)
        x, y = np.minimum(np.maximum(cells, 0), (grid.shape[1] - 1, grid.shape[0] - 1)).T
        return np.asarray(grid[y, x] > 0)


def crossing(rng: Random, width: int, height: int, *, wild: float) -> Points:
    """A smooth line from one side of a picture to the opposite one, beginning and ending outside: n x 2.

    Args:
        rng: the source of chance.
        width: of the picture in pixels.
        height: of the picture in pixels.
        wild: how far it wanders from a straight line, as a share of the side.
    """
    knots = max(4, round(max(width, height) / 48) + 3)
    along = np.linspace(-0.3, 1.3, knots)
    start, end = rng.uniform(0.1, 0.9, 2)
    across = start + (end - start) * along + rng.normal(0, wild, knots) * np.sqrt(128 / max(width, height, 128))
    line = np.column_stack((along, across))
    if rng.random() < 0.5:
        line = line[:, ::-1]
    return smooth_path(line * (width, height), closed=False, steps=14)


def beside(line: Points, width: int, height: int) -> Points:
    """The polygon of what lies on one side of a `crossing`: below it, or right of it if it goes from top to bottom."""
    far = 4.0 * max(width, height)
    if abs(line[-1, 0] - line[0, 0]) > abs(line[-1, 1] - line[0, 1]):
        return np.concatenate((line, ((line[-1, 0], far), (line[0, 0], far))))
    return np.concatenate((line, ((far, line[-1, 1]), (far, line[0, 1]))))


def widened(line: Points, half: NDArray[np.float64]) -> Points:
    """The polygon around a line, n x 2, that reaches `half` (n,) pixels to either side of it."""
    direction = np.gradient(line, axis=0)
    normal = np.column_stack((-direction[:, 1], direction[:, 0])) / np.hypot(*direction.T)[:, None]
    return np.concatenate((line + normal * half[:, None], (line - normal * half[:, None])[::-1]))


def blob(rng: Random, centre: tuple[float, float], radius: float, *, uneven: float = 0.25) -> Points:
    """A round shape with bays: n x 2."""
    angle = np.linspace(0, 2 * np.pi, 11, endpoint=False)
    reach = radius * (1 + uneven * rng.uniform(-1, 1, 11))
    stretch = rng.uniform(0.7, 1.3)
    return smooth_path(
        np.column_stack((centre[0] + reach * stretch * np.cos(angle), centre[1] + reach * np.sin(angle)))
    )


def free_parts(line: Points, blocked: NDArray[np.bool_]) -> list[Points]:
    """The pieces of a line, n x 2, between its blocked points (n,), those of two points or more."""
    numbers = np.flatnonzero(~blocked)
    pieces = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return [line[piece] for piece in pieces if len(piece) > 1]
