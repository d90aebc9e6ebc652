"""Necks, shoulders and clothes below a head."""

import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, fill, smooth_path, stroke
from training.render.head import Light
from training.render.identity import Identity
from training.render.look import Look
from training.render.materials import Colour, Field, cloth

_LENGTH = 5.6
"""From the middle of the face down to the ground, in face heights."""


def paint_neck(brush: Brush) -> None:
    """The neck on the head's own layer, in the shadow of the jaw, ending in an open collar."""
    person, head = brush.head.person, brush.head
    half = person.neck
    x = np.array((0.92, 0.92, 1.0, 1.2, 0.55, 0.0)) * half
    y = np.array((0.18, 0.44, 0.62, 0.70, 0.80, 0.835))
    neck = np.concatenate((head.plane(x, y, 0.12), head.plane(-x[:-1], y[:-1], 0.12)[::-1]))
    base = brush.paint(person.skin * np.float32(0.86), 0.012, on_skin=False)
    brush.shape(smooth_path(neck), base)
    shadow = head.plane(
        *np.array(((-0.9, 0.25), (0.9, 0.25), (0.86, 0.47), (0, 0.6), (-0.86, 0.47))).T * [[half], [1]], 0.1
    )
    brush.shape(shadow, brush.paint(person.skin * np.float32(0.5), 0.035, 0.75, on_skin=False))


def paint_body(canvas: Field, person: Identity, look: Look, place: tuple[float, float, float], light: Light) -> None:
    """Shoulders and clothes, upright, down to where the picture or the person ends.

    `place` is x and y of the middle of the face and the height of the face, in pixels.
    """
    x, y, size = place
    rng = np.random.default_rng((look.wear, 6))
    tint = np.asarray(rng.uniform(0.05, 0.85, 3) * rng.uniform(0.6, 1), np.float32)
    lean = 0.55 * np.sin(look.roll) * size
    pattern = _lit_cloth(rng, canvas.shape, (x - lean, size), light)
    outline = _garment(person, (x - lean, y, size))
    soft = max(0.5, 0.006 * size)
    fill(canvas, outline, Paint(tint, soft, 1, pattern))
    _arms(canvas, (x - lean, y, size), tint, soft)


def _lit_cloth(rng: np.random.Generator, shape: tuple[int, ...], column: tuple[float, float], light: Light) -> Field:
    """Weave and folds under a light from the side: height x width of the canvas."""
    x, size = column
    pattern = cloth(rng, shape[0], shape[1], period=max(3.0, size * rng.uniform(0.08, 0.3)))
    across = np.clip((np.arange(shape[1], dtype=np.float32) - x) / (0.95 * size), -1, 1)
    round_off = 0.62 + 0.38 * np.sqrt(1 - 0.9 * across**2) + 0.25 * light.contrast * light.across * across
    return np.asarray(pattern * (light.brightness * round_off)[None, :], np.float32)


def _garment(person: Identity, place: tuple[float, float, float]) -> Points:
    """Shoulders, arms along the body, hem: a closed polygon."""
    x, y, size = place
    broad = 0.80 + 1.2 * (person.neck - 0.19)
    right = np.array(
        (
            (0.16, 0.60), (0.30, 0.67), (0.58, 0.76), (broad, 0.92), (broad + 0.10, 1.4),
            (broad + 0.13, 2.4), (broad - 0.05, 3.0), (0.62, 3.1), (0.60, _LENGTH), (0.05, _LENGTH),
        )
    )  # fmt: skip
    left = right[::-1] * (-1, 1)
    return np.concatenate((right, left)) * size + (x, y)


def _arms(canvas: Field, place: tuple[float, float, float], tint: Colour, soft: float) -> None:
    """The line between arm and body, and the rim of the collar."""
    x, y, size = place
    dark = Paint(tint * np.float32(0.5), max(soft, 0.012 * size), 0.8)
    for sign in (-1, 1):
        line = np.array(((0.60 * sign, 1.15), (0.63 * sign, 1.8), (0.62 * sign, 2.9)))
        stroke(canvas, line * size + (x, y), 0.03 * size, dark)
    collar = np.array(((-0.2, 0.62), (-0.12, 0.76), (0, 0.82), (0.12, 0.76), (0.2, 0.62)))
    stroke(canvas, smooth_path(collar, closed=False) * size + (x, y), 0.05 * size, dark)
