"""Shapes drawn finer than the picture that they are seen in, in flat colours with smooth edges."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points
from training.render.materials import Field, Random

Rgb = tuple[int, int, int]

_SHIFT = 4
"""Binary digits that cv2 keeps of a coordinate's fraction."""


class Sheet:
    """A picture under work.

    Attributes:
        finer: how many of its pixels make one of the finished picture, along a side.
        colours: uint8, (height * finer) x (width * finer) x 3, red, green and blue.
        materials: uint8, of the same size, a number of the caller's for what is on top.
    """

    def __init__(self, width: int, height: int, finer: int, ground: Rgb) -> None:
        self.finer = finer
        shape = (height * finer, width * finer)
        self.colours: NDArray[np.uint8] = np.full((*shape, 3), ground, np.uint8)
        self.materials: NDArray[np.uint8] = np.zeros(shape, np.uint8)

    def polygon(self, points: Points, colour: Rgb, material: int = 0) -> None:
        """Fill a polygon, n x 2, in pixels of the finished picture."""
        shape = [self._fixed(points)]
        cv2.fillPoly(self.colours, shape, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.materials, shape, (material,), cv2.LINE_8, _SHIFT)

    def line(self, points: Points, width: float, colour: Rgb, material: int = 0) -> None:
        """Draw an open line with round ends, `width` pixels of the finished picture thick."""
        shape, thick = [self._fixed(points)], self._thickness(width)
        cv2.polylines(self.colours, shape, False, colour, thick, cv2.LINE_AA, _SHIFT)
        cv2.polylines(self.materials, shape, False, (material,), thick, cv2.LINE_8, _SHIFT)

    def disc(self, centre: Points, radius: float, colour: Rgb, material: int = 0) -> None:
        """Fill a circle around a point (2,)."""
        x, y = self._fixed(centre[None])[0].tolist()
        size = round(radius * self.finer * (1 << _SHIFT))
        cv2.circle(self.colours, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(self.materials, (x, y), size, (material,), -1, cv2.LINE_8, _SHIFT)

    def paste(self, other: "Sheet", polygon: Points, corner: tuple[int, int]) -> None:
        """Lay what another sheet of the same fineness shows inside a polygon over this one; materials stay.

        Args:
            other: the sheet.
            polygon: n x 2, in its pixels.
            corner: where its upper left corner comes to lie here, x and y, perhaps outside.
        """
        rows, columns = (
            slice(max(0, first), min(limit, first + size))
            for first, size, limit in zip(
                (corner[1] * self.finer, corner[0] * self.finer),
                other.materials.shape,
                self.materials.shape,
                strict=True,
            )
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        top, left = corner[1] * self.finer, corner[0] * self.finer
        part = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        cover = other.cover([polygon])[part] > 0.5
        self.colours[rows, columns][cover] = other.colours[part][cover]

    def cover(self, polygons: Sequence[Points]) -> Field:
        """How much of each fine pixel some polygons cover together, 0..1."""
        mask = np.zeros(self.materials.shape, np.uint8)
        for points in polygons:
            cv2.fillPoly(mask, [self._fixed(points)], (255,), cv2.LINE_AA, _SHIFT)
        return mask.astype(np.float32) / np.float32(255)

    def reduced(self) -> NDArray[np.uint8]:
        """The finished picture, uint8 height x width x 3: each pixel the mean of its fine ones."""
        return reduced(self.colours, self.finer)

    def _thickness(self, width: float) -> int:
        return max(1, round(width * self.finer))

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        """In cv2's fixed point, where the centre of a pixel is a whole number."""
        return np.asarray(np.round((points * self.finer - 0.5) * (1 << _SHIFT)), np.int32)


def reduced(fine: NDArray[np.uint8], finer: int) -> NDArray[np.uint8]:
    """A picture whose pixels are the means of `finer` x `finer` pixels."""
    size = (fine.shape[1] // finer, fine.shape[0] // finer)
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.uint8)


def picked(rng: Random, colours: Sequence[Rgb], vary: float) -> Rgb:
    """One of the colours, brighter or darker by about `vary` of itself, with a slight cast."""
    base = colours[int(rng.integers(len(colours)))]
    factors = (1 + rng.normal(0, vary)) * (1 + rng.normal(0, vary / 4, 3))
    return _rgb(base[0] * factors[0], base[1] * factors[1], base[2] * factors[2])


def scaled(colour: Rgb, factor: float) -> Rgb:
    """A brighter or darker colour."""
    return _rgb(colour[0] * factor, colour[1] * factor, colour[2] * factor)


def blended(first: Rgb, second: Rgb, share: float) -> Rgb:
    """A colour between two: the first where `share` is 0, the second where it is 1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return _rgb(red, green, blue)


def box(middle: Points, along: Points, across: Points) -> Points:
    """The corners, 4 x 2, of a rectangle with two half axes."""
    return np.stack(
        (middle - along - across, middle + along - across, middle + along + across, middle - along + across)
    )


def swept(corners: Points, offset: Points) -> Points:
    """What a convex polygon passes over as it is moved by `offset`."""
    both = np.concatenate((corners, corners + offset)).astype(np.float32)
    return np.asarray(cv2.convexHull(both)[:, 0], float)


def _rgb(red: float, green: float, blue: float) -> Rgb:
    """Whole numbers of 0..255; plain Python, as there are thousands of colours of three numbers."""
    return min(255, max(0, round(red))), min(255, max(0, round(green))), min(255, max(0, round(blue)))
