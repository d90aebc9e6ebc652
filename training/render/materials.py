"""What surfaces are made of: coloured fractal noise and repeated textures, for every renderer.

Textures are float32 fields around 0 (noise) or 1 (patterns that multiply a colour). Colours are red, green and blue,
0..1, as displayed (no linear light anywhere: the camera model ends every picture).
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Colour = NDArray[np.float32]
Random = np.random.Generator

_TILE = 512


def colour(red: float, green: float, blue: float) -> Colour:
    """A colour from its three parts, 0..1."""
    return np.array((red, green, blue), np.float32)


def fractal_noise(rng: Random, height: int, width: int, scales: Sequence[int]) -> Field:
    """Sum of smooth noises, each weighted by its scale (1/f), of unit standard deviation: height x width.

    Args:
        rng: the source of chance.
        height: in pixels.
        width: in pixels.
        scales: distance of the support points of each noise in pixels.
    """
    total = np.zeros((height, width), np.float32)
    for scale in scales:
        grid = rng.standard_normal((height // scale + 3, width // scale + 3)).astype(np.float32)
        smooth = cv2.resize(grid, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += scale / max(scales) * smooth[scale : scale + height, scale : scale + width]
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


@lru_cache(maxsize=24)
def _grain_tile(across: int, along: int, rows: int, columns: int) -> Field:
    """Rows x columns of one noise that repeats without seams, a grain being `across` x `along` pixels large."""
    noise = np.random.default_rng((across, along)).standard_normal((_TILE, _TILE)).astype(np.float32)
    wrapped = np.asarray(np.pad(noise, 3 * max(across, along), mode="wrap"), np.float32)
    smooth = cv2.GaussianBlur(wrapped, (0, 0), sigmaX=across / 2, sigmaY=along / 2)
    edge = 3 * max(across, along)
    tile = np.asarray(smooth[edge:-edge, edge:-edge], np.float32)
    return np.tile(np.asarray(tile / tile.std(), np.float32), (rows, columns))


def grain(rng: Random, height: int, width: int, *, across: int = 2, along: int = 2) -> Field:
    """Fine grain of unit standard deviation, cut from a stored tile at a random place: height x width.

    `across` and `along` are the size of one grain in pixels; a long grain looks like hair, a short one like skin.
    """
    top, left = rng.integers(0, _TILE, 2)
    tile = _grain_tile(across, along, -(-height // _TILE) + 1, -(-width // _TILE) + 1)
    return tile[top : top + height, left : left + width]


def vertical_gradient(top: Colour, bottom: Colour, height: int, width: int) -> Field:
    """A picture that goes from one colour at the top to another at the bottom: height x width x 3."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top * (1 - share) + bottom * share, (height, width, 3)).astype(np.float32)


def bricks(rng: Random, height: int, width: int, course: int) -> Field:
    """Brickwork that multiplies a wall's colour: height x width, bricks around 1, joints darker or brighter.

    `course` is the height of a brick in pixels; a brick is about 2.4 times as long.
    """
    length = max(2, round(course * rng.uniform(2.0, 2.8)))
    joint = max(1, course // 8)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    row = rows // course
    shifted = columns + row % 2 * (length // 2)
    shade = rng.uniform(0.85, 1.12, (height // course + 1, width // length + 2)).astype(np.float32)
    wall = shade[row, shifted // length]
    in_joint = (rows % course < joint) | (shifted % length < joint)
    return np.where(in_joint, np.float32(rng.choice((0.65, 1.25))), wall).astype(np.float32)


def planks(rng: Random, height: int, width: int, board: int) -> Field:
    """Upright boards `board` pixels wide that multiply a wall's colour: height x width."""
    shade = rng.uniform(0.85, 1.1, width // board + 1).astype(np.float32)
    columns = np.arange(width)
    profile = np.where(columns % board < max(1, board // 12), np.float32(0.6), shade[columns // board])
    return np.asarray(profile[None, :] * (1 + 0.05 * grain(rng, height, width, across=2, along=30)), np.float32)


def cloth(rng: Random, height: int, width: int, period: float) -> Field:
    """What is woven or printed into a garment: plain, stripes across or checks; multiplies its colour: height x width.

    `period` is the width of a stripe and its gap in pixels.
    """
    weave = np.asarray(1 + 0.02 * grain(rng, height, width), np.float32)
    pattern = rng.random()
    if pattern < 0.72:
        return weave
    rows = np.sin(2 * np.pi * np.arange(height) / period)[:, None] > 0
    columns = np.sin(2 * np.pi * np.arange(width) / period)[None, :] > 0
    light, dark = rng.uniform(1.05, 1.3), rng.uniform(0.5, 0.85)
    marks = rows & np.ones_like(columns) if pattern < 0.9 else rows ^ columns
    return np.asarray(weave * np.where(marks, light, dark), np.float32)
