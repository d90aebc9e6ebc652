"""Roofs seen from above: each face is lit as it is turned, and what stands on a flat one throws shadows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points
from training.render.materials import Random
from training.render.town_shapes import House, Roof
from training.render.town_sheet import Rgb, Sheet, box, scaled, swept

ROOF = 5
"""The material of roofs on a sheet."""

PITCHED: tuple[Rgb, ...] = (
    (158, 88, 66), (140, 78, 60), (176, 112, 84), (118, 92, 78), (104, 104, 108), (92, 82, 78), (128, 122, 116),
)  # fmt: skip
"""Tiles, slates and shingles."""
FLATS: tuple[Rgb, ...] = ((150, 148, 144), (176, 174, 168), (126, 126, 128), (196, 192, 184), (112, 108, 106))
"""Gravel, sheet metal and felt."""


@dataclass(frozen=True, slots=True)
class Sun:
    """Where light comes from.

    Attributes:
        toward: unit vector to the sun in the picture, x right, y down.
        reach: length of a shadow as a share of the height of what casts it.
        strength: 0..1.
    """

    toward: NDArray[np.float64]
    reach: float
    strength: float


def paint_roof(rng: Random, sheet: Sheet, house: House, sun: Sun, colour: Rgb) -> None:
    """Paint the roof of a house; `rng` decides what stands on a flat one."""
    if house.roof is Roof.FLAT:
        _flat(rng, sheet, house, sun, colour)
    else:
        _pitched(sheet, house, sun, colour)


def _flat(rng: Random, sheet: Sheet, house: House, sun: Sun, colour: Rgb) -> None:
    """A roof with a rim, and on larger ones boxes."""
    sheet.polygon(house.corners, scaled(colour, 1.12), ROOF)
    middle = house.corners.mean(axis=0)
    sides = np.diff(house.corners[:3], axis=0)
    least = float(np.hypot(*sides.T).min())
    inner = middle + (house.corners - middle) * max(0.0, 1 - 1.3 / least)
    sheet.polygon(inner, colour, ROOF)
    units = sides / np.hypot(*sides.T)[:, None]
    for _ in range(int(rng.integers(1, 5)) if least > 7 else 0):
        share = rng.uniform(0.15, 0.85, 2)
        spot = inner[0] + (inner[1] - inner[0]) * share[0] + (inner[3] - inner[0]) * share[1]
        shape = box(spot, units[0] * rng.uniform(0.7, 1.6), units[1] * rng.uniform(0.6, 1.2))
        sheet.polygon(swept(shape, -sun.toward * sun.reach), scaled(colour, 0.62), ROOF)
        sheet.polygon(shape, scaled(colour, float(rng.uniform(0.9, 1.25))), ROOF)


def _pitched(sheet: Sheet, house: House, sun: Sun, colour: Rgb) -> None:
    """Two slopes on either side of a ridge."""
    start, end = _ridge(house)
    middle = house.corners.mean(axis=0)
    for face in _faces(house, start, end):
        outward = face[:2].mean(axis=0) - middle
        outward = outward / max(float(np.hypot(*outward)), 1e-6)
        light = 1 + 0.34 * sun.strength * float(outward @ sun.toward)
        sheet.polygon(face, scaled(colour, light), ROOF)
    sheet.line(np.stack((start, end)), 0.34, scaled(colour, 1.25), ROOF)


def _ridge(house: House) -> tuple[Points, Points]:
    """Both ends of the ridge: at the walls under a gable, half the house's depth from them under a hip."""
    a, b, c, d = house.corners
    start, end = (a + d) / 2, (b + c) / 2
    if house.roof is not Roof.HIP:
        return start, end
    inset = min(0.5, 0.5 * float(np.hypot(*(d - a)) / max(np.hypot(*(b - a)), 1e-6)))
    return start + (end - start) * inset, end + (start - end) * inset


def _faces(house: House, start: Points, end: Points) -> list[Points]:
    """The slopes, their eaves first; under a hip both ends are slopes too."""
    a, b, c, d = house.corners
    faces = [np.array((a, b, end, start)), np.array((c, d, start, end))]
    if house.roof is Roof.HIP:
        faces += [np.array((b, c, end)), np.array((d, a, start))]
    return faces
