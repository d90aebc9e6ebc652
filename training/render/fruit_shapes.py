"""The shapes of fruits as distance fields: turned outlines, a bent tube, a bunch of balls, and the stems on them.

The stem points along +z; a fruit's radius is about 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import smooth_path
from training.render.materials import Field, Random
from training.render.solids import Distance, Points3

_TABLE = 512

# Half outlines from the stem's end to the other: distance from the axis, and height along it.
_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "apple": (
        *((0.0, 0.60), (0.1, 0.63), (0.22, 0.78), (0.45, 0.92), (0.72, 0.84), (0.93, 0.52), (1.0, 0.12)),
        *((0.95, -0.28), (0.78, -0.64), (0.54, -0.86), (0.34, -0.91), (0.18, -0.86), (0.08, -0.78), (0.0, -0.77)),
    ),
    "pear": (
        *((0.0, 1.27), (0.09, 1.28), (0.2, 1.22), (0.3, 1.05), (0.37, 0.84), (0.45, 0.58), (0.58, 0.30)),
        *((0.73, 0.0), (0.82, -0.33), (0.79, -0.64), (0.64, -0.88), (0.4, -1.01), (0.2, -1.0), (0.0, -0.92)),
    ),
    "orange": (
        *((0.0, 0.91), (0.12, 0.92), (0.36, 0.91), (0.68, 0.73), (0.91, 0.4), (0.99, 0.0)),
        *((0.92, -0.4), (0.68, -0.73), (0.34, -0.92), (0.1, -0.95), (0.0, -0.945)),
    ),
    "lemon": (
        *((0.0, 1.30), (0.09, 1.27), (0.16, 1.16), (0.34, 0.98), (0.62, 0.67), (0.81, 0.3), (0.85, 0.0)),
        *((0.79, -0.35), (0.59, -0.70), (0.33, -0.99), (0.18, -1.12), (0.1, -1.24), (0.0, -1.28)),
    ),
    "kiwi": (
        *((0.0, 1.10), (0.12, 1.09), (0.35, 1.01), (0.65, 0.76), (0.85, 0.35), (0.89, -0.05)),
        *((0.82, -0.42), (0.62, -0.8), (0.35, -1.03), (0.12, -1.1), (0.0, -1.11)),
    ),
    "plum": (
        *((0.0, 0.90), (0.08, 0.93), (0.25, 1.0), (0.55, 0.86), (0.79, 0.48), (0.85, 0.0)),
        *((0.77, -0.5), (0.56, -0.85), (0.28, -1.03), (0.0, -1.08)),
    ),
    "peach": (
        *((0.0, 0.68), (0.08, 0.72), (0.28, 0.90), (0.6, 0.83), (0.88, 0.5), (0.98, 0.05)),
        *((0.9, -0.42), (0.64, -0.8), (0.3, -0.97), (0.1, -1.0), (0.0, -1.04)),
    ),
    "strawberry": (
        *((0.0, 0.80), (0.25, 0.85), (0.55, 0.73), (0.76, 0.4), (0.75, 0.0)),
        *((0.62, -0.42), (0.42, -0.8), (0.22, -1.07), (0.08, -1.17), (0.0, -1.18)),
    ),
}
_SUTURES = {"peach": 0.075, "plum": 0.05}
"""Depth of the groove from pole to pole."""
_LOBED = {"apple": 0.03, "orange": 0.01, "strawberry": 0.035, "kiwi": 0.012, "pear": 0.015, "lemon": 0.012}
"""How much a fruit is not round, all around its axis."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A fruit's form.

    Attributes:
        body: distance to its flesh.
        stem: distance to stem and leaves, None without.
        reach: radius of a ball around it.
        middle: x, y, z of its middle, which stands in the middle of the picture.
        extent: radius of its flesh around the middle.
        base: height at which the stem begins.
        top: height of the stem's end above the middle.
        parts: centres of a bunch's berries, k x 3.
    """

    body: Distance
    stem: Distance | None
    reach: float
    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    extent: float = 1.0
    base: float = 0.0
    top: float = 0.0
    parts: NDArray[np.float32] | None = None

    def whole(self, points: Points3) -> Field:
        """Distance to the nearest of flesh and stem."""
        flesh = self.body(points)
        if self.stem is None:
            return flesh
        # Far below it the stem is never the nearest.
        near = np.flatnonzero((points[2] > self.base - 0.3) & (flesh > -0.15))
        flesh[near] = np.minimum(flesh[near], self.stem(points[:, near]))
        return flesh


def shape_of(family: str, rng: Random) -> Shape:
    """A fruit of one of the families "apple", "pear", "orange", ..., "banana" and "grape", each a little different."""
    if family == "banana":
        return _banana(rng)
    if family == "grape":
        return _bunch(rng)
    outline = np.array(_OUTLINES[family]) * (rng.uniform(0.96, 1.04), rng.uniform(0.93, 1.07))
    body = _turned(outline, family, rng)
    low, high = float(outline[:, 1].min()), float(outline[:, 1].max())
    middle = (low + high) / 2
    stem, top = _stem(family, float(outline[0, 1]), rng)
    longest = float(np.hypot(outline[:, 0], outline[:, 1]).max()) * 1.08
    extent = max(float(outline[:, 0].max()), (high - low) / 2)
    return Shape(body, stem, max(longest, top), (0.0, 0.0, middle), extent, float(outline[0, 1]), top - middle)


def _turned(outline: NDArray[np.float64], family: str, rng: Random) -> Distance:
    """A body whose radius depends on the angle from the axis, and a little on that around it."""
    path = smooth_path(outline, closed=False, steps=12)
    angles = np.maximum.accumulate(np.arctan2(np.maximum(path[:, 0], 0), path[:, 1]))
    grid = np.linspace(0, np.pi, _TABLE)
    radius = np.interp(grid, angles, np.hypot(path[:, 0], path[:, 1]))
    # The steeper the outline against the ray from the middle, the less a step outwards gains in distance.
    slope = np.gradient(radius, grid) / radius
    lean = (1 / np.sqrt(1 + slope**2)).astype(np.float32)
    table = radius.astype(np.float32)
    uneven = (_LOBED.get(family, 0.01) * rng.normal(0, 1, 4)).astype(np.float32)
    groove = np.float32(_SUTURES.get(family, 0.0))

    def distance(points: Points3) -> Field:
        x, y, z = points
        length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        x, y = x / length, y / length
        index = (np.arccos(np.clip(z / length, -1, 1)) * np.float32((_TABLE - 1) / np.pi)).astype(np.int32)
        # Cosine and sine of twice and three times the angle around the axis, fading out towards the poles.
        twice_c, twice_s = x * x - y * y, 2 * x * y
        swell = 1 + uneven[0] * twice_c + uneven[1] * twice_s
        swell += uneven[2] * (x * twice_c - y * twice_s) + uneven[3] * (x * twice_s + y * twice_c)
        if groove > 0:
            across = y / (np.sqrt(x * x + y * y) + np.float32(1e-6))
            swell -= groove * np.exp(-((across / np.float32(0.17)) ** 2)) * (x > 0)
        return np.asarray((length - table[index] * swell) * lean[index], np.float32)

    return distance


def _stem(family: str, base: float, rng: Random) -> tuple[Distance | None, float]:
    """The stem in its hollow, or a strawberry's leaves; and how high they reach."""
    if family == "strawberry":
        return _calyx(base, rng), base + 0.4
    lengths = {"apple": (0.35, 0.62), "pear": (0.3, 0.6), "plum": (0.15, 0.45)}
    if family not in lengths:
        return None, 0.0
    length = rng.uniform(*lengths[family])
    lean, around = rng.uniform(0.05, 0.35), rng.uniform(0, 2 * np.pi)
    share = np.linspace(0, 1, 4)
    out = lean * length * share**1.6
    knots = np.stack((out * np.cos(around), out * np.sin(around), base - 0.08 + (length + 0.08) * share), axis=1)
    thick = rng.uniform(0.038, 0.055)
    return _tube(knots, thick * np.array((1.0, 0.8, 0.85, 1.35))), base + length + 0.08


def _tube(knots: NDArray[np.float64], radii: Sequence[float] | NDArray[np.float64]) -> Distance:
    """Straight pieces between knots, k x 3, whose radius goes from one knot's to the next."""
    corners = knots.astype(np.float32)

    def distance(points: Points3) -> Field:
        nearest = np.full(points.shape[1], np.inf, np.float32)
        for start, end, thick, next_thick in zip(corners[:-1], corners[1:], radii[:-1], radii[1:], strict=True):
            way = end - start
            x, y, z = points[0] - start[0], points[1] - start[1], points[2] - start[2]
            share = np.clip((x * way[0] + y * way[1] + z * way[2]) / np.float32(way @ way), 0, 1)
            x, y, z = x - share * way[0], y - share * way[1], z - share * way[2]
            radius = np.float32(thick) + np.float32(next_thick - thick) * share
            nearest = np.minimum(nearest, np.sqrt(x * x + y * y + z * z) - radius)
        return nearest

    return distance


def _calyx(base: float, rng: Random) -> Distance:
    """Leaves around a short stem, all alike: space is folded into one sector."""
    leaves = int(rng.integers(7, 11))
    sector = np.float32(2 * np.pi / leaves)
    length, lift, turn = rng.uniform(0.5, 0.72), rng.uniform(-0.1, 0.3), np.float32(rng.uniform(0, 6))
    knots = np.array(((0.05, 0, base), (0.3, 0, base + 0.1), (length, 0, base + 0.02 + 0.25 * lift)))
    leaf = _tube(knots, (0.05, 0.13, 0.01))
    stalk = _tube(np.array(((0, 0, base), (0.06, 0.03, base + rng.uniform(0.15, 0.4)))), (0.05, 0.045))

    def distance(points: Points3) -> Field:
        around = (np.arctan2(points[1], points[0]) + turn + 20 * sector) % sector - sector / 2
        across = np.sqrt(points[0] ** 2 + points[1] ** 2)
        # Leaves are flat: what is beside their middle counts less than what is above it.
        folded = np.stack((across * np.cos(around), across * np.sin(around), points[2]))
        folded[2] = base + 0.06 + (folded[2] - base - 0.06) * np.float32(2.2)
        return np.asarray(np.minimum(leaf(folded) * np.float32(0.45), stalk(points)), np.float32)

    return distance


def _banana(rng: Random) -> Shape:
    """A tube along an arc in the x-z plane, with blunt edges, a neck at one end and a tip at the other."""
    bend, half = rng.uniform(1.0, 1.35), rng.uniform(0.78, 0.95)
    thick = rng.uniform(0.25, 0.31)
    shares = np.array((-1.0, -0.93, -0.82, -0.6, -0.1, 0.4, 0.7, 0.84, 0.93, 1.0))
    widths = thick * np.array((0.22, 0.36, 0.62, 0.9, 1.0, 0.95, 0.74, 0.44, 0.30, 0.32))
    grid = np.linspace(-1, 1, _TABLE)
    table = np.interp(grid, shares, widths)
    table = np.convolve(np.pad(table, 12, mode="edge"), np.full(25, 1 / 25), mode="valid").astype(np.float32)
    sag, radius, reach = np.float32(bend * (1 + np.cos(half)) / 2), np.float32(bend), np.float32(half)

    def distance(points: Points3) -> Field:
        x = points[0] + sag
        angle = np.clip(np.arctan2(points[2], x), -reach, reach)
        across = np.cos(angle) * x + np.sin(angle) * points[2] - radius
        along = np.cos(angle) * points[2] - np.sin(angle) * x
        share = angle / reach
        around = np.arctan2(points[1], across)
        index = ((share + 1) * np.float32((_TABLE - 1) / 2)).astype(np.int32)
        thickness = table[index] * (1 + np.float32(0.035) * np.cos(5 * around))
        return np.asarray(np.sqrt(across**2 + points[1] ** 2 + along**2) - thickness, np.float32)

    return Shape(distance, None, 1.3, extent=0.92 * bend * float(np.sin(half)) + 0.05)


def _bunch(rng: Random) -> Shape:
    """Balls packed below each other, fewer towards the lower end, and a branched stem."""
    levels = int(rng.integers(4, 6))
    berry = rng.uniform(0.30, 0.35)
    centres: list[tuple[float, float, float]] = []
    for level in range(levels):
        ring = max(0.0, 0.62 - 0.6 * (level / (levels - 1)) ** 1.5 - (0.12 if level == 0 else 0))
        count = max(1, round(2 * np.pi * ring / (1.75 * berry)))
        turn = rng.uniform(0, 2 * np.pi)
        for number in range(count):
            angle = turn + 2 * np.pi * number / count
            jitter = rng.normal(0, 0.05, 3)
            out = ring if count > 1 else 0.0
            height = 0.7 - 1.5 * level / (levels - 1)
            centres.append((out * np.cos(angle) + jitter[0], out * np.sin(angle) + jitter[1], height + jitter[2]))
    balls = np.array(centres, np.float32)
    sizes = (berry * rng.uniform(0.9, 1.1, len(balls))).astype(np.float32)[:, None]
    lengths = (balls**2).sum(axis=1, keepdims=True)

    def distance(points: Points3) -> Field:
        squares = (points**2).sum(axis=0)[None, :] - 2 * (balls @ points) + lengths
        return np.asarray((np.sqrt(np.maximum(squares, 0)) - sizes).min(axis=0), np.float32)

    lean = rng.normal(0, 0.1, 2)
    knots = np.array(((0, 0, 0.4), (0, 0, 0.95), (lean[0], lean[1], 1.32)))
    return Shape(distance, _tube(knots, (0.05, 0.045, 0.06)), 1.42, extent=1.08, base=0.4, top=1.38, parts=balls)
