"""Necks, clothes, arms and legs below a head."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, ellipse, fill, smooth_path, stroke, window_of
from training.render.head import Light
from training.render.identity import Identity
from training.render.materials import Colour, Field, Random, cloth


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a body stands.

    Attributes:
        x, y: of the middle of the face, in pixels of the picture, had the head not leaned.
        size: height of the face in pixels.
        blur: standard deviation of the blur of a body out of focus, in pixels.
    """

    x: float
    y: float
    size: float
    blur: float = 0.0

    def pixels(self, points: Points) -> Points:
        """Points in face heights from the middle of the face, n x 2, as pixels of the picture."""
        return points * self.size + (self.x, self.y)


def paint_neck(brush: Brush) -> None:
    """The neck on the head's own layer, in the shadow of the jaw, ending in an open collar."""
    person, head = brush.head.person, brush.head
    half = person.neck
    x = np.array((0.92, 0.92, 1.0, 1.2, 0.55, 0.0)) * half
    y = np.array((0.18, 0.44, 0.62, 0.70, 0.80, 0.835))
    neck = np.concatenate((head.plane(x, y, 0.12), head.plane(-x[:-1], y[:-1], 0.12)[::-1]))
    brush.shape(smooth_path(neck), brush.paint(person.skin * np.float32(0.86), 0.012, on_skin=False))
    under_jaw = head.plane(np.array((-0.9, 0.9, 0.86, 0.0, -0.86)) * half, np.array((0.25, 0.25, 0.47, 0.6, 0.47)), 0.1)
    brush.shape(under_jaw, brush.paint(person.skin * np.float32(0.5), 0.035, 0.75, on_skin=False))


def paint_body(canvas: Field, person: Identity, wear: int, stand: Stand, light: Light) -> None:
    """Clothes from the shoulders to the ground, arms, hands and legs, on a picture height x width x 3."""
    rng = np.random.default_rng((wear, 6))
    soft = max(0.5, 0.006 * stand.size, stand.blur)
    top, trousers = _garment_colour(rng), _garment_colour(rng) * np.float32(0.7)
    broad = 0.80 + 1.2 * (person.neck - 0.19)
    skin = Paint(person.skin * np.float32(0.85 * light.brightness), soft)
    shade = _light_across(canvas.shape, stand, light)
    fill(canvas, stand.pixels(_legs()), Paint(trousers, soft, 1, shade))
    stroke(canvas, stand.pixels(np.array(((0.0, 3.5), (0.0, 6.3)))), 0.05 * stand.size, Paint(trousers * 0.4, soft))
    for sign in (-1, 1):
        hand = ellipse((sign * (broad + 0.05), 3.2), (0.12, 0.2), points=12)
        fill(canvas, stand.pixels(hand), skin)
        shoe = ellipse((sign * 0.4, 6.32), (0.28, 0.1), points=12)
        fill(canvas, stand.pixels(shoe), Paint(trousers * np.float32(0.35), soft))
    outline = stand.pixels(_garment(broad))
    fill(canvas, outline, Paint(top, soft, 1, _woven(rng, canvas.shape, stand, outline) * shade))
    _seams(canvas, stand, top, soft)


def _garment_colour(rng: Random) -> Colour:
    """Mostly muted, now and then bright."""
    tint = rng.uniform(0.05, 0.85, 3)
    grey = rng.beta(2, 1.6)
    return np.asarray((tint * (1 - grey) + tint.mean() * grey) * rng.uniform(0.5, 1.05), np.float32)


def _light_across(shape: tuple[int, ...], stand: Stand, light: Light) -> Field:
    """Light on an upright cylinder as wide as the body: height x width of the picture."""
    across = np.clip((np.arange(shape[1], dtype=np.float32) - stand.x) / (0.98 * stand.size), -1, 1)
    rounded = 0.60 + 0.40 * np.sqrt(1 - 0.92 * across**2) + 0.3 * light.contrast * light.across * across
    return np.broadcast_to(np.asarray(light.brightness * rounded, np.float32), shape[:2])


def _woven(rng: Random, shape: tuple[int, ...], stand: Stand, outline: Points) -> Field:
    """The cloth's pattern where the garment is, 1 elsewhere: height x width of the picture."""
    woven = np.ones(shape[:2], np.float32)
    window = window_of(outline, 4 + 3 * stand.blur, shape)
    if window is None:
        return woven
    height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
    pattern = cloth(rng, height, width, period=max(3.0, stand.size * rng.uniform(0.08, 0.3)))
    folds = np.sin(np.linspace(0, 9, width) + rng.uniform(0, 6))[None, :] * rng.uniform(0.0, 0.06)
    pattern = np.asarray(pattern * (1 + folds), np.float32)
    woven[window] = cv2.GaussianBlur(pattern, (0, 0), stand.blur) if stand.blur > 0.4 else pattern
    return woven


def _garment(broad: float) -> Points:
    """Shoulders, sleeves and hem in face heights: a closed polygon."""
    right = np.array(
        (
            (0.16, 0.60),
            (0.30, 0.67),
            (0.58, 0.75),
            (broad - 0.04, 0.88),
            (broad + 0.06, 1.15),
            (broad + 0.12, 2.3),
            (broad + 0.13, 3.05),
            (broad - 0.10, 3.08),
            (0.66, 2.1),
            (0.62, 3.6),
        )
    )
    return np.concatenate(
        (smooth_path(right, closed=False, steps=3), smooth_path(right, closed=False, steps=3)[::-1] * (-1, 1))
    )


def _legs() -> Points:
    right = np.array(((0.62, 3.2), (0.66, 3.9), (0.56, 6.3), (0.14, 6.3), (0.02, 4.2)))
    return np.concatenate((right, right[::-1] * (-1, 1)))


def _seams(canvas: Field, stand: Stand, tint: Colour, soft: float) -> None:
    """The shadow between arm and body, and the rim of the collar."""
    dark = Paint(tint * np.float32(0.55), max(soft, 0.014 * stand.size), 0.7)
    for sign in (-1, 1):
        arm = np.array(((0.60 * sign, 1.2), (0.645 * sign, 1.8), (0.655 * sign, 2.3)))
        stroke(canvas, stand.pixels(arm), 0.03 * stand.size, dark)
    collar = np.array(((-0.2, 0.62), (-0.12, 0.76), (0, 0.82), (0.12, 0.76), (0.2, 0.62)))
    stroke(canvas, stand.pixels(smooth_path(collar, closed=False)), 0.045 * stand.size, dark)
