"""Soft-edged painting: polygons, strokes and layers, each blended only inside its own bounding box.

A canvas is float32, height x width x 3 (red, green, blue, 0..1) or x 4: a layer, whose colours are multiplied by its
fourth channel, the cover. Points are continuous: (0, 0) is the upper left corner of the upper left pixel.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.materials import Colour, Field

Points = NDArray[np.float64]

_SHIFT = 4
"""Binary digits that cv2 keeps of a coordinate's fraction."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How a shape is filled.

    Attributes:
        colour: red, green, blue, 0..1.
        softness: standard deviation of the edge's blur in pixels.
        opacity: 0..1.
        light: height x width of the whole canvas; multiplies the colour.
        clip: height x width of the whole canvas, 0..1; nothing is painted where it is 0.
    """

    colour: Colour
    softness: float = 0.7
    opacity: float = 1.0
    light: Field | None = None
    clip: Field | None = None


Window = tuple[slice, slice]


def window_of(points: Points, margin: float, shape: tuple[int, ...]) -> Window | None:
    """The rows and columns of a canvas that points and a margin around them touch; None where they miss it."""
    low = np.floor(points.min(axis=0) - margin).astype(int)
    high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
    if right <= left or bottom <= top:
        return None
    return slice(top, bottom), slice(left, right)


def polygon_cover(points: Points, window: Window, softness: float) -> Field:
    """How much of each pixel of a window a polygon covers, 0..1, with its edge blurred by `softness` pixels."""
    # A wide blur needs no fine pixels: it is drawn small and enlarged.
    reduce = max(1, int(softness / 2))
    height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
    mask = np.zeros((-(-height // reduce), -(-width // reduce)), np.uint8)
    cv2.fillPoly(mask, [_fixed_point(points, window, reduce)], 255, cv2.LINE_AA, _SHIFT)
    soft = _softened(mask, softness / reduce)
    if reduce == 1:
        return soft
    enlarged = cv2.resize(soft, (soft.shape[1] * reduce, soft.shape[0] * reduce), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged[:height, :width], np.float32)


def fill(canvas: Field, points: Points, paint: Paint) -> None:
    """Paint a polygon, n x 2."""
    window = window_of(points, 2.6 * paint.softness + 1, canvas.shape)
    if window is not None:
        lay(canvas, window, polygon_cover(points, window, paint.softness), paint)


def stroke(canvas: Field, points: Points, width: float, paint: Paint) -> None:
    """Paint an open line, n x 2, `width` pixels thick (thinner than a pixel: fainter)."""
    window = window_of(points, 3 * paint.softness + width + 1, canvas.shape)
    if window is None:
        return
    mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.uint8)
    line = _fixed_point(points, window)
    cv2.polylines(mask, [line], False, round(255 * min(1.0, width)), max(1, round(width)), cv2.LINE_AA, _SHIFT)
    lay(canvas, window, _softened(mask, paint.softness), paint)


def lay(canvas: Field, window: Window, cover: Field, paint: Paint) -> None:
    """Blend a paint into a window of the canvas by its cover."""
    if paint.opacity < 1:
        cover = cover * np.float32(paint.opacity)
    if paint.clip is not None:
        cover = cover * paint.clip[window]
    below, light = canvas[window], None if paint.light is None else paint.light[window]
    for channel in range(3):
        tint = paint.colour[channel] if light is None else light * paint.colour[channel]
        below[..., channel] += (tint - below[..., channel]) * cover
    if canvas.shape[2] == 4:
        below[..., 3] += (1 - below[..., 3]) * cover


def blank(height: int, width: int, channels: int) -> Field:
    """A black or empty canvas, height x width x channels, each channel by itself in memory: painted fastest so."""
    return np.zeros((channels, height, width), np.float32).transpose(1, 2, 0)


def multiply(canvas: Field, window: Window, factor: Field) -> None:
    """Darken or brighten the colours of a window; a layer's cover stays."""
    canvas[window][..., :3] *= factor[..., None] if factor.ndim == 2 else factor


def compose(canvas: Field, layer: Field, left: int, top: int) -> None:
    """Lay a layer over a canvas, its upper left corner at a pixel that may lie outside."""
    height, width = layer.shape[:2]
    rows = slice(max(0, top), min(canvas.shape[0], top + height))
    columns = slice(max(0, left), min(canvas.shape[1], left + width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = layer[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    canvas[rows, columns] = canvas[rows, columns] * (1 - part[..., 3:]) + part[..., : canvas.shape[2]]


def ellipse(centre: tuple[float, float], radii: tuple[float, float], *, turn: float = 0.0, points: int = 32) -> Points:
    """An ellipse as a polygon, points x 2; `turn` in radians."""
    circle = unit_circle(points)
    across, along = radii[0] * circle[:, 0], radii[1] * circle[:, 1]
    if turn == 0:
        return np.stack((centre[0] + across, centre[1] + along), axis=1)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.stack((centre[0] + across * cosine - along * sine, centre[1] + across * sine + along * cosine), axis=1)


@lru_cache(maxsize=16)
def unit_circle(points: int) -> Points:
    """Cosine and sine all around, points x 2."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)


def smooth_path(knots: Points, *, closed: bool = True, steps: int = 6) -> Points:
    """A Catmull-Rom spline through the knots, n x 2, `steps` points for each."""
    if closed:
        before, after = np.roll(knots, 1, axis=0), np.roll(knots, -1, axis=0)
        later = np.roll(knots, -2, axis=0)
    else:
        padded = np.concatenate((2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]))
        before, knots, after, later = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, knots, after, later))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    path = curve.reshape(-1, 2)
    return path if closed else np.concatenate((path, after[-1:]))


def _fixed_point(points: Points, window: Window, reduce: int = 1) -> NDArray[np.int32]:
    """Points relative to a window in cv2's fixed point, where the centre of a pixel is a whole number."""
    origin = np.array((window[1].start, window[0].start))
    return np.asarray(np.round(((points - origin) / reduce - 0.5) * (1 << _SHIFT)), np.int32)


def _softened(mask: NDArray[np.uint8], softness: float) -> Field:
    if softness > 0.4:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.uint8)
    return mask.astype(np.float32) / np.float32(255)
