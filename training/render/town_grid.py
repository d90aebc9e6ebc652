"""How districts are built, and the bent grids that their streets follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points
from training.render.materials import Random


@dataclass(frozen=True, slots=True)
class Style:
    """How a district is built.

    Attributes:
        length, depth: of a block in pixels, from the middle of one street to the next.
        street: width of its streets.
        lot: width of what belongs to one house.
        house: depth of a house.
        roofs: shares of flat, gable and hip roofs.
        blocks: shares of blocks with houses, halls, a park and a field.
        green: 0..1, how many trees there are.
    """

    length: float
    depth: float
    street: float
    lot: float
    house: float
    roofs: tuple[float, float, float]
    blocks: tuple[float, float, float, float]
    green: float


def random_style(rng: Random) -> Style:
    """Mostly rows of family houses; else an inner town of large flat roofs, works, or a village among fields."""
    kind = rng.choice(4, p=(0.62, 0.2, 0.1, 0.08))
    size = rng.uniform(0.88, 1.2)
    if kind == 1:
        return Style(44 * size, 34 * size, 5.4, 15.0, 10.0, (0.75, 0.1, 0.15), (0.84, 0.08, 0.08, 0.0), 0.35)
    if kind == 2:
        return Style(58 * size, 42 * size, 5.6, 22.0, 14.0, (0.9, 0.1, 0.0), (0.25, 0.6, 0.05, 0.1), 0.2)
    if kind == 3:
        return Style(60 * size, 40 * size, 3.8, 14.0, 7.0, (0.0, 0.7, 0.3), (0.4, 0.04, 0.06, 0.5), 0.7)
    return Style(48 * size, 33 * size, 4.4, 10.5, 7.2, (0.05, 0.55, 0.4), (0.9, 0.03, 0.07, 0.0), rng.uniform(0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines of streets in a plane (u along blocks, v across them) that is bent, turned and laid into the picture.

    Attributes:
        u, v: where streets are.
        angle: radians.
        centre: of the picture.
        bend: amplitudes of u and of v in pixels.
        phase: of both bends.
        period: of both bends in pixels.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    angle: float
    centre: tuple[float, float]
    bend: tuple[float, float]
    phase: tuple[float, float]
    period: float

    def pixels(self, points: Points) -> Points:
        """Where points (u, v), n x 2, are in the picture."""
        u = points[:, 0] + self.bend[0] * np.sin(2 * np.pi * points[:, 1] / self.period + self.phase[0])
        v = points[:, 1] + self.bend[1] * np.sin(2 * np.pi * points[:, 0] / self.period + self.phase[1])
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.column_stack((u * cosine - v * sine, u * sine + v * cosine)) + self.centre


def random_grid(rng: Random, style: Style, width: int, height: int) -> Grid:
    """A grid that covers the picture; half of them lie straight."""
    reach = 0.5 * float(np.hypot(width, height)) + style.length
    lines = []
    for step in (style.length, style.depth):
        count = 2 * round(reach / step) + 3
        lines.append(np.cumsum(step * rng.uniform(0.86, 1.16, count)))
        lines[-1] -= lines[-1][count // 2] + rng.uniform(0, step)
    bent = rng.random() < 0.4
    return Grid(
        u=lines[0],
        v=lines[1],
        angle=float(rng.uniform(-np.pi / 4, np.pi / 4)) if rng.random() < 0.65 else float(rng.normal(0, 0.02)),
        centre=(width / 2, height / 2),
        bend=(float(rng.uniform(0, 5)), float(rng.uniform(2, 8))) if bent else (0.0, 0.0),
        phase=(float(rng.uniform(0, 6.3)), float(rng.uniform(0, 6.3))),
        period=float(rng.uniform(150, 260)),
    )
