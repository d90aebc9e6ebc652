"""Open country for animals: sky, what is far away, and the ground they stand on; meadows at home, sand elsewhere."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.render.canvas import Paint, Points, ellipse, fill, stroke
from training.render.head import Light
from training.render.materials import (
    Colour,
    Field,
    Random,
    bricks,
    colour,
    fractal_noise,
    grain,
    planks,
    vertical_gradient,
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A picture, height x width x 3, without animals; and the row of its horizon."""

    picture: Field
    horizon: float


def country(rng: Random, height: int, width: int, *, shifted: bool) -> Ground:
    """A meadow below hills or trees; in the shifted domain sand, gravel or dry grass before walls and fences."""
    horizon = float(height * rng.uniform(0.36, 0.6))
    canvas = _sky(rng, height, width, shifted=shifted)
    far = rng.random()
    if shifted and far < 0.6:
        _wall(rng, canvas, horizon)
    elif far < 0.85:
        _hills(rng, canvas, horizon)
        if rng.random() < 0.7:
            tree_row(rng, canvas, horizon)
    _floor(rng, canvas, horizon, shifted=shifted)
    if rng.random() < (0.4 if shifted else 0.25):
        _fence(rng, canvas, horizon)
    return Ground(canvas, horizon)


def lit_country(picture: Field, light: Light) -> None:
    """Bring the light's brightness and colour over a picture, in place."""
    tint = np.array((1 + 0.16 * light.warmth, 1.0, 1 - 0.2 * light.warmth), np.float32)
    picture *= tint * np.float32(light.brightness)


def _scales(height: int) -> tuple[int, int]:
    return max(2, height // 5), max(2, height // 14)


def _sky(rng: Random, height: int, width: int, *, shifted: bool) -> Field:
    above, below = ((0.62, 0.62, 0.66), (0.88, 0.80, 0.70)) if shifted else ((0.36, 0.58, 0.86), (0.80, 0.88, 0.94))
    if rng.random() < 0.3:
        above, below = (0.66, 0.70, 0.75), (0.84, 0.86, 0.88)
    canvas = vertical_gradient(colour(*above), colour(*below), height, width)
    clouds = fractal_noise(rng, height, width, _scales(height))
    white = np.clip(clouds * 0.5 - rng.uniform(-0.3, 0.6), 0, 0.75).astype(np.float32)[..., None]
    canvas += (colour(0.96, 0.96, 0.96) - canvas) * white
    return canvas


def ridge(rng: Random, width: int, base: float, rise: float) -> Points:
    """The polygon of a chain of hills in a picture `width` pixels wide: n x 2.

    Args:
        rng: the source of chance.
        width: of the picture in pixels.
        base: the row that it stands on.
        rise: about its height in pixels.
    """
    x = np.linspace(-5, width + 5, 40)
    wave = sum(
        rng.uniform(0.3, 1) / k * np.sin(x / width * 2 * np.pi * k * rng.uniform(0.4, 0.9) + rng.uniform(0, 6))
        for k in (1, 2, 4)
    )
    top = np.column_stack((x, base - rise * (0.8 + 0.5 * np.asarray(wave))))
    return np.concatenate((top, ((width + 5, base + 4), (-5, base + 4))))


def _hills(rng: Random, canvas: Field, horizon: float) -> None:
    """Two ridges, the farther one nearer to the colour of the sky."""
    height, width = canvas.shape[:2]
    haze = canvas[min(height - 1, int(horizon)), width // 2].copy()
    green = colour(0.25, 0.36, 0.18) * np.float32(rng.uniform(0.7, 1.3))
    for share, rise in ((0.6, 0.16), (0.25, 0.09)):
        tint = np.asarray(green + (haze - green) * np.float32(share), np.float32)
        fill(canvas, ridge(rng, width, horizon, rise * height * rng.uniform(0.3, 1.0)), Paint(tint, 0.006 * height))


def tree_row(rng: Random, canvas: Field, horizon: float) -> None:
    """A row of crowns at the horizon."""
    height, width = canvas.shape[:2]
    leaves = np.asarray(
        1 + 0.25 * fractal_noise(rng, height, width, (max(2, height // 40), max(3, height // 16))), np.float32
    )
    x = -0.05 * width
    while x < 1.05 * width:
        size = height * rng.uniform(0.04, 0.15)
        crown = colour(0.16, 0.27, 0.10) * np.float32(rng.uniform(0.7, 1.4))
        for _ in range(3):
            centre = (float(x + rng.normal(0, 0.4) * size), float(horizon - size * rng.uniform(0.2, 0.8)))
            fill(canvas, ellipse(centre, (0.6 * size, 0.55 * size), points=14), Paint(crown, 0.06 * size, 1, leaves))
        x += size * rng.uniform(0.6, 4)


def _wall(rng: Random, canvas: Field, horizon: float) -> None:
    """A stable or a barn behind the yard."""
    height, width = canvas.shape[:2]
    top = int(max(0, horizon - height * rng.uniform(0.15, 0.5)))
    rows = int(horizon) - top
    course = max(3, round(height * 0.03))
    pattern = bricks(rng, rows, width, course) if rng.random() < 0.5 else planks(rng, rows, width, 2 * course)
    tint = np.asarray(
        (colour(0.55, 0.32, 0.24), colour(0.62, 0.56, 0.48), colour(0.40, 0.28, 0.20))[int(rng.integers(3))], np.float32
    )
    left, right = (0, width) if rng.random() < 0.4 else sorted(rng.integers(0, width, 2).tolist())
    if right - left > 4:
        canvas[top : top + rows, left:right] = tint * pattern[:, left:right, None]
        roof = np.array(
            (
                (left - 3, top + 2),
                (right + 3, top + 2),
                (right - 2, top - 0.06 * height),
                (left + 2, top - 0.06 * height),
            )
        )
        fill(canvas, roof, Paint(tint * np.float32(0.55)))


_MEADOWS = (colour(0.30, 0.45, 0.15), colour(0.38, 0.50, 0.18), colour(0.47, 0.52, 0.24))
_YARDS = (colour(0.74, 0.63, 0.46), colour(0.60, 0.50, 0.38), colour(0.55, 0.53, 0.50), colour(0.66, 0.60, 0.34))


def _floor(rng: Random, canvas: Field, horizon: float, *, shifted: bool) -> None:
    """The ground: finer towards the horizon, in patches, with blades or pebbles."""
    height, width = canvas.shape[:2]
    first = int(horizon)
    rows = height - first
    palette = _YARDS if shifted else _MEADOWS
    base = palette[int(rng.integers(len(palette)))] * np.float32(rng.uniform(0.85, 1.12))
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    # Seen at a flat angle, what is far away is pressed together.
    patches = fractal_noise(rng, rows * 2, width, (max(3, height // 5), max(2, height // 16)))
    near = cv2.remap(patches, *_flattened(rows, width), cv2.INTER_LINEAR)
    fine = grain(rng, rows, width, across=1 if height < 160 else 2, along=2 if shifted else max(2, height // 50))
    ground = 1 + 0.10 * near + (0.05 + 0.10 * share) * fine
    ground *= 1.08 - 0.16 * share
    other = colour(0.52, 0.46, 0.26) if not shifted else colour(0.44, 0.38, 0.30)
    bare = np.clip(near * 0.5 - rng.uniform(0.1, 1.2), 0, 0.7)[..., None]
    canvas[first:] = (base + (other - base) * bare) * ground[..., None]
    if not shifted and rng.random() < 0.4:
        _flowers(rng, canvas, first)


def _flattened(rows: int, width: int) -> tuple[Field, Field]:
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    y = np.broadcast_to((2 * rows - 1) * np.sqrt(share), (rows, width)).astype(np.float32)
    x = np.broadcast_to(np.arange(width, dtype=np.float32)[None, :], (rows, width))
    return np.ascontiguousarray(x), y


def _flowers(rng: Random, canvas: Field, first: int) -> None:
    height, width = canvas.shape[:2]
    tint: Colour = (colour(0.92, 0.85, 0.25), colour(0.94, 0.93, 0.9), colour(0.75, 0.45, 0.65))[int(rng.integers(3))]
    for _ in range(int(rng.integers(10, 40))):
        depth = rng.uniform(0.1, 1)
        centre = (float(rng.uniform(0, width)), first + depth * (height - first))
        size = max(0.5, 0.006 * height * depth)
        fill(canvas, ellipse(centre, (size, 0.8 * size), points=8), Paint(tint, 0.5, 0.8))


def _fence(rng: Random, canvas: Field, horizon: float) -> None:
    """Posts and rails behind the animal."""
    height, width = canvas.shape[:2]
    foot = horizon + height * rng.uniform(0.02, 0.07)
    tall = height * rng.uniform(0.08, 0.16)
    wood = Paint(colour(0.45, 0.36, 0.27) * np.float32(rng.uniform(0.6, 1.5)), 0.5)
    thick = max(0.8, 0.012 * height)
    for rail in (0.35, 0.75, 1.0)[: int(rng.integers(1, 4))]:
        stroke(canvas, np.array(((-5, foot - rail * tall), (width + 5, foot - rail * tall))), thick * 0.7, wood)
    for x in np.arange(rng.uniform(0, 0.2), 1.05, rng.uniform(0.15, 0.3)) * width:
        stroke(canvas, np.array(((x, foot), (x, foot - 1.12 * tall))), thick * 1.3, wood)
