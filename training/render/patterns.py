"""Patterns of sixteen kinds, each in its own colours, size and turn: what textures and simple forms are learnt from.

A pattern is a function of the plane to 0..1, which a palette turns into colours.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.materials import Field, Random, bricks, fractal_noise

Plane = tuple[Field, Field]
"""Coordinates of every pixel in periods of the pattern."""

_FINER = 2
_STROKES = 500


def render_pattern(seed: int, width: int, height: int, kind: str) -> NDArray[np.uint8]:
    """The pattern of a seed: the same pixels on every call and in every process.

    Args:
        seed: 0 or more; with the kind it decides size, turn, bend and colours.
        width: in pixels.
        height: in pixels.
        kind: a name of `PATTERNS`.

    Returns:
        uint8 height x width x 3, red, green and blue.

    Raises:
        TrainingError: there is no such kind.
    """
    if kind not in _FUNCTIONS:
        raise TrainingError(f"there is no pattern '{kind}'; there are {', '.join(PATTERNS)}")
    rng = np.random.default_rng((seed, PATTERNS.index(kind), 0x7A77))
    shape = (height * _FINER, width * _FINER)
    values = _FUNCTIONS[kind](rng, _plane(rng, *shape))
    picture = _coloured(rng, np.asarray(np.clip(values, 0, 1), np.float32))
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)


def _plane(rng: Random, height: int, width: int) -> Plane:
    """Turned, scaled and a little bent: 3 to 9 periods along the shorter side."""
    side = min(height, width)
    period = side / rng.uniform(3, 9)
    bend = period * rng.uniform(0, 0.35)
    noise = [fractal_noise(rng, height, width, (max(2, side // 3),)) for _ in range(2)]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across, along = columns + bend * noise[0] - width / 2, rows + bend * noise[1] - height / 2
    angle = rng.uniform(0, 2 * np.pi)
    cosine, sine = np.float32(np.cos(angle) / period), np.float32(np.sin(angle) / period)
    shift = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
    return cosine * across + sine * along + shift[0], cosine * along - sine * across + shift[1]


def _coloured(rng: Random, values: Field) -> Field:
    """Through a palette of three to five colours, with a slow change of light over the picture."""
    colours = rng.uniform(0.02, 0.98, (int(rng.integers(3, 6)), 3))
    while np.ptp(colours, axis=0).max() < 0.45:  # a pattern that nobody can see teaches nothing
        colours = rng.uniform(0.02, 0.98, colours.shape)
    stops = np.linspace(0, 1, len(colours))
    picture = np.stack([np.interp(values, stops, channel) for channel in colours.T], axis=2)
    height, width = values.shape
    slow, fine = (fractal_noise(rng, height, width, (scale,)) for scale in (max(2, min(height, width) // 2), 3))
    light = 1 + 0.1 * slow + 0.03 * fine
    return np.asarray(picture * light[..., None], np.float32)


def _wave(values: Field, sharpness: float = 0.0) -> Field:
    """0..1 once in a period; a high sharpness makes edges of it."""
    wave = np.cos(2 * np.pi * values)
    return np.asarray(0.5 + 0.5 * (np.tanh(sharpness * wave) if sharpness else wave), np.float32)


def _cell(plane: Plane, offset: bool = False) -> tuple[Field, Field, Field, Field]:
    """Place in the cell, -0.5..0.5, and the cell's column and row; with `offset` every second row is half a cell on."""
    row = np.floor(plane[1])
    across = plane[0] + (0.5 * (row % 2) if offset else 0)
    column = np.floor(across)
    return across - column - 0.5, plane[1] - row - 0.5, column, row


def _chance(column: Field, row: Field, salt: float) -> Field:
    """A number of 0..1 for each cell, the same wherever the cell is asked."""
    mixed = np.sin(column * 127.1 + row * 311.7 + salt * 74.7) * 43758.5453
    return np.asarray(mixed - np.floor(mixed), np.float32)


def _stripes(rng: Random, plane: Plane) -> Field:
    return _wave(plane[0], rng.uniform(0.5, 6))


def _checks(rng: Random, plane: Plane) -> Field:
    across, along, _, _ = _cell(plane)
    return np.asarray(0.5 + 0.5 * np.tanh(rng.uniform(10, 60) * across * along), np.float32)


def _dots(rng: Random, plane: Plane) -> Field:
    across, along, column, row = _cell(plane, offset=True)
    radius = rng.uniform(0.22, 0.38) * (0.7 + 0.3 * _chance(column, row, rng.uniform(1, 9)))
    return np.asarray(0.5 + 0.5 * np.tanh(20 * (radius - np.hypot(across, along))), np.float32)


def _rings(rng: Random, plane: Plane) -> Field:
    return _wave(np.hypot(*plane), rng.uniform(0.5, 5))


def _spirals(rng: Random, plane: Plane) -> Field:
    arms = rng.integers(1, 5) * rng.choice((-1, 1))
    return _wave(np.hypot(*plane) + arms * np.arctan2(plane[1], plane[0]) / (2 * np.pi), rng.uniform(0.5, 5))


def _waves(rng: Random, plane: Plane) -> Field:
    return _wave(plane[0] + rng.uniform(0.25, 0.6) * np.sin(2 * np.pi * plane[1] * rng.uniform(0.3, 0.6)), 2)


def _scales(rng: Random, plane: Plane) -> Field:
    nearest = np.full(plane[0].shape, 9, np.float32)
    for step in (0, 1):  # each scale covers those of the row behind it
        across, along, _, _ = _cell((plane[0], 2 * plane[1] - step), offset=True)
        distance = np.hypot(across, (along + 0.5) / 2 + step / 2)
        nearest = np.where((distance < 0.55) & (nearest == 9), distance, nearest)
    return np.asarray(np.clip(nearest / 0.55, 0, 1) ** rng.uniform(1, 3), np.float32)


def _brickwork(rng: Random, plane: Plane) -> Field:
    height, width = plane[0].shape
    wall = bricks(rng, height, width, max(4, height // int(rng.integers(5, 14))))
    return np.asarray(0.5 + 1.5 * (wall - 1), np.float32)


def _wood(rng: Random, plane: Plane) -> Field:
    height, width = plane[0].shape
    noise = fractal_noise(rng, height, width, (max(2, min(height, width) // 4), 8))
    return _wave(0.7 * np.hypot(plane[0], 0.15 * plane[1]) + 0.25 * noise, 1.2)


def _marble(rng: Random, plane: Plane) -> Field:
    height, width = plane[0].shape
    noise = fractal_noise(rng, height, width, [max(2, min(height, width) // share) for share in (2, 4, 8, 16)])
    return np.asarray(np.abs(np.sin(np.pi * (0.4 * plane[0] + 0.6 * noise))) ** rng.uniform(0.4, 1.2), np.float32)


def _cells(rng: Random, plane: Plane) -> Field:
    """Worley's two nearest of scattered points: edges are where both are as far."""
    salt = rng.uniform(1, 9)
    first, second = np.full(plane[0].shape, 9, np.float32), np.full(plane[0].shape, 9, np.float32)
    for right in (-1, 0, 1):
        for down in (-1, 0, 1):
            column, row = np.floor(plane[0]) + right, np.floor(plane[1]) + down
            distance = np.hypot(
                column + _chance(column, row, salt) - plane[0], row + _chance(row, column, salt + 3) - plane[1]
            ).astype(np.float32)
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
    return np.asarray(np.clip((second - first) * rng.uniform(1, 3), 0, 1), np.float32)


def _honeycomb(rng: Random, plane: Plane) -> Field:
    lean = np.float32(np.sqrt(3))
    sides = [np.abs(((plane[0] * x + plane[1] * y * lean) % 1) - 0.5) for x, y in ((1, 0), (0.5, 0.5), (0.5, -0.5))]
    return np.asarray(np.clip(3 * np.sort(sides, axis=0)[1] * rng.uniform(0.7, 1.2), 0, 1), np.float32)


def _basket(rng: Random, plane: Plane) -> Field:
    across, along, column, row = _cell(plane)
    over = (column + row) % 2 == 0
    strand = np.where(over, along, across)
    bow = np.where(over, across, along)
    return np.asarray(np.abs(np.cos(np.pi * rng.integers(2, 5) * strand)) * np.cos(np.pi * bow) ** 0.5, np.float32)


def _petals(rng: Random, plane: Plane) -> Field:
    across, along, _, _ = _cell((0.6 * plane[0], 0.6 * plane[1]), offset=True)
    angle, distance = np.arctan2(along, across), np.hypot(across, along) * 2
    edge = 0.55 + 0.35 * np.cos(rng.integers(4, 9) * angle)
    flower = np.clip(1.2 - distance / np.maximum(edge, 0.05), 0, 1)
    return np.asarray(np.where(distance < rng.uniform(0.15, 0.25), 1.0, 0.75 * flower**0.5), np.float32)


def _eyes(rng: Random, plane: Plane) -> Field:
    across, along, column, row = _cell((0.6 * plane[0], 0.9 * plane[1]), offset=True)
    lid = 0.5 * (1 - (across / 0.46) ** 2) * rng.uniform(0.6, 0.9)
    gaze = 0.08 * (_chance(column, row, rng.uniform(1, 9)) - 0.5)
    distance = np.hypot(across - gaze, along / 1.5)
    eye = np.where(distance < 0.09, 0.0, np.where(distance < 0.2, 0.45 + distance, 1.0))
    eye = np.where(np.hypot(across - gaze - 0.05, along / 1.5 + 0.05) < 0.03, 1.0, eye)
    return np.asarray(np.where(np.abs(along) < lid, eye, 0.3 * np.exp(-8 * np.abs(np.abs(along) - lid))), np.float32)


def _strokes(rng: Random, plane: Plane) -> Field:
    """Short strokes of a brush along a smooth flow, as post-impressionists painted."""
    height, width = plane[0].shape
    flow = 1.5 * fractal_noise(rng, height, width, (max(2, min(height, width) // 3),))
    canvas = np.full((height, width), 0.5, np.float32)
    length, thickness = min(height, width) * rng.uniform(0.06, 0.14), max(2, min(height, width) // 40)
    hue = fractal_noise(rng, height, width, (max(2, min(height, width) // 2),))
    for row, column in rng.integers(0, (height, width), (_STROKES, 2)).tolist():
        turn = float(flow[row, column])
        end = (round(column + length * np.cos(turn)), round(row + length * np.sin(turn)))
        value = float(np.clip(0.5 + 0.2 * hue[row, column] + rng.normal(0, 0.18), 0, 1))
        cv2.line(canvas, (column, row), end, value, thickness, cv2.LINE_AA)
    return canvas


_FUNCTIONS: dict[str, Callable[[Random, Plane], Field]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "rings": _rings,
    "spirals": _spirals,
    "waves": _waves,
    "scales": _scales,
    "bricks": _brickwork,
    "wood": _wood,
    "marble": _marble,
    "cells": _cells,
    "honeycomb": _honeycomb,
    "basket": _basket,
    "petals": _petals,
    "eyes": _eyes,
    "strokes": _strokes,
}

PATTERNS = tuple(_FUNCTIONS)
"""The kinds, in the order of their numbers."""
