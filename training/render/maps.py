"""A piece of town twice, pixel for pixel: photographed from the air, and as a street map."""

import numpy as np
from numpy.typing import NDArray

from training.render.aerial import paint_aerial
from training.render.town_shapes import Rank, Town
from training.render.town_sheet import Rgb, Sheet
from training.render.towns import plan_town

CLASSES = ("land", "road", "building", "water", "park", "highway")
"""What a map shows, in the order of `PALETTE`."""

PALETTE: NDArray[np.uint8] = np.array(
    ((232, 226, 213), (255, 255, 255), (205, 188, 176), (150, 200, 226), (172, 222, 146), (250, 178, 66)), np.uint8
)
"""RGB of each class, any two at least 50 apart: else the edge of one looks like another."""

_LAND, _ROAD, _BUILDING, _WATER, _PARK, _HIGHWAY = (tuple(row) for row in PALETTE.tolist())
_CASING: Rgb = (219, 212, 198)
"""The rim of streets: land for whoever goes by the nearest colour."""
_HIGHWAY_CASING: Rgb = (236, 158, 52)

_FINE, _COARSE, _SMALL = 3, 2, 160
"""How much finer than the picture it is drawn, up to a side in pixels and above it."""


def render_map_pair(seed: int, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The town of a seed from the air and on the map: the same pixels on every call and in every process.

    A pixel is about a metre and a half, so a larger picture shows more.

    Args:
        seed: 0 or more.
        width: in pixels.
        height: in pixels.

    Returns:
        Both uint8 height x width x 3, red, green and blue.
    """
    plan, light = (np.random.default_rng((seed, stream, 0x3A9)) for stream in range(2))
    town = plan_town(plan, width, height)
    finer = _FINE if max(width, height) <= _SMALL else _COARSE
    return paint_aerial(light, town, finer), paint_map(town, finer)


def paint_map(town: Town, finer: int) -> NDArray[np.uint8]:
    """The map of a town: uint8 height x width x 3. `finer`: see `Sheet`."""
    sheet = Sheet(town.width, town.height, finer, _LAND)
    for park in town.parks:
        sheet.polygon(park, _PARK)
    for water in town.water:
        sheet.polygon(water, _WATER)
    for house in town.houses:
        sheet.polygon(house.corners, _BUILDING)
    for rank in Rank:
        streets = [street for street in town.streets if street.rank is rank]
        casing, inside = (_HIGHWAY_CASING, _HIGHWAY) if rank is Rank.HIGHWAY else (_CASING, _ROAD)
        for street in streets:
            sheet.line(street.line, street.width + 1.2, casing)
        for street in streets:
            sheet.line(street.line, street.width, inside)
    return sheet.reduced()


def nearest_class(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] = PALETTE) -> NDArray[np.uint8]:
    """The number of the palette's colour that is nearest to each pixel, by Euclidean distance.

    Args:
        pixels: uint8 (..., 3).
        palette: uint8 (k, 3).

    Returns:
        uint8 (...).
    """
    best = np.full(pixels.shape[:-1], np.iinfo(np.int32).max, np.int32)
    found = np.zeros(pixels.shape[:-1], np.uint8)
    values = pixels.astype(np.int32)
    for number, colour in enumerate(palette.astype(np.int32)):
        distance = ((values - colour) ** 2).sum(axis=-1)
        nearer = distance < best
        best[nearer], found[nearer] = distance[nearer], number
    return found
