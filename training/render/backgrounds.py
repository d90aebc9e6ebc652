"""What is behind people: skies, walls, windows, shelves, trees and plain clutter."""

from collections.abc import Callable

import cv2
import numpy as np

from training.render.canvas import Paint, Points, ellipse, fill, stroke
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


def background(rng: Random, height: int, width: int) -> Field:
    """A place without people: float32 height x width x 3."""
    paint = _PLACES[int(rng.choice(len(_PLACES), p=_SHARES))]
    canvas = paint(rng, height, width)
    if rng.random() < 0.5:
        _clutter(rng, canvas, int(rng.integers(1, 7)))
    blur = rng.uniform(0, 2.5) * height / 416
    if blur > 0.4:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur), np.float32)
    return canvas


def _tint(rng: Random, low: float = 0.15, high: float = 0.85, grey: float = 0.6) -> Colour:
    """A random colour, drawn towards grey by a share, as most things in a town are."""
    colours = rng.uniform(low, high, 3)
    return np.asarray(colours * (1 - grey) + colours.mean() * grey, np.float32)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array(((left, top), (right, top), (right, bottom), (left, bottom)))


def _noise_scales(height: int) -> list[int]:
    return [max(2, height // part) for part in (40, 12, 5, 3)]


def _clouds(rng: Random, height: int, width: int) -> Field:
    """Coloured fractal noise with polygons on it: nothing in particular."""
    clouds = fractal_noise(rng, height, width, _noise_scales(height))
    canvas = _tint(rng, grey=0.3) + np.float32(rng.uniform(0.03, 0.12)) * clouds[..., None] * _tint(rng, 0.4, 1)
    _clutter(rng, canvas, int(rng.integers(4, 16)))
    return canvas


def _clutter(rng: Random, canvas: Field, count: int) -> None:
    """Polygons, discs and sticks of any colour, some of them blurred."""
    height, width = canvas.shape[:2]
    for _ in range(count):
        middle = rng.uniform((0, 0), (width, height))
        reach = rng.uniform(0.03, 0.3) * height
        paint = Paint(_tint(rng, 0.05, 0.95, 0.25), float(rng.uniform(0.6, 3)), float(rng.uniform(0.5, 1)))
        kind = rng.random()
        if kind < 0.5:
            corners = middle + reach * rng.uniform(-1, 1, (int(rng.integers(3, 7)), 2))
            fill(canvas, corners, paint)
        elif kind < 0.75:
            radii = (float(reach * rng.uniform(0.3, 0.8)), float(reach * rng.uniform(0.3, 0.9)))
            fill(canvas, ellipse((middle[0], middle[1]), radii, turn=rng.uniform(0, 3)), paint)
        else:
            ends = np.stack((middle, middle + rng.uniform(-3, 3, 2) * reach))
            stroke(canvas, ends, float(rng.uniform(1, 0.05 * height)), paint)


def _street(rng: Random, height: int, width: int) -> Field:
    """Sky, buildings with windows, and a pavement."""
    horizon = int(height * rng.uniform(0.45, 0.8))
    sky = colour(0.45, 0.62, 0.85) if rng.random() < 0.6 else colour(0.75, 0.77, 0.8)
    canvas = vertical_gradient(sky * np.float32(rng.uniform(0.8, 1.1)), colour(0.88, 0.89, 0.9), height, width)
    canvas += np.float32(0.03) * fractal_noise(rng, height, width, _noise_scales(height))[..., None]
    left = -rng.uniform(0, 0.2) * width
    while left < width:
        wide = rng.uniform(0.15, 0.45) * width
        _building(rng, canvas, (left, rng.uniform(0, 0.5) * horizon, left + wide, horizon))
        left += wide + (rng.uniform(0, 0.2) * width if rng.random() < 0.4 else 0)
    ground = vertical_gradient(_tint(rng, 0.3, 0.6, 0.9), _tint(rng, 0.35, 0.7, 0.9), height - horizon, width)
    canvas[horizon:] = ground * (1 + 0.05 * grain(rng, height - horizon, width, across=4)[..., None])
    return canvas


def _building(rng: Random, canvas: Field, edges: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = edges
    wall = _tint(rng, 0.2, 0.8, 0.65)
    fill(canvas, _rectangle(*edges), Paint(wall))
    wide, tall = (right - left) / rng.integers(2, 6), canvas.shape[0] * rng.uniform(0.07, 0.14)
    glass = Paint(wall * np.float32(rng.uniform(0.3, 0.7)) + np.float32(rng.uniform(0, 0.2)))
    pane_wide, pane_tall = rng.uniform(0.4, 0.8), rng.uniform(0.45, 0.75)
    for y in np.arange(top + tall * 0.2, bottom - tall * 0.6, tall):
        for x in np.arange(left + wide * 0.15, right - wide * 0.5, wide):
            fill(canvas, _rectangle(x, y, x + wide * pane_wide, y + tall * pane_tall), glass)


def _wall(rng: Random, height: int, width: int) -> Field:
    """A wall of brick, boards, tiles or plaster under uneven light, with a floor, a window, pictures."""
    plaster = 1 + np.float32(0.03) * fractal_noise(rng, height, width, _noise_scales(height))
    kind = rng.random()
    course = max(4, round(height * rng.uniform(0.02, 0.06)))
    if kind < 0.3:
        plaster = plaster * bricks(rng, height, width, course)
    elif kind < 0.5:
        plaster = plaster * planks(rng, height, width, course * 2)
    canvas = np.asarray(_tint(rng, 0.3, 0.9, 0.55) * plaster[..., None], np.float32)
    canvas *= vertical_gradient(_tint(rng, 0.8, 1.15, 0.8), _tint(rng, 0.7, 1.05, 0.8), height, width)
    for _ in range(int(rng.integers(0, 3))):
        _window(rng, canvas)
    if rng.random() < 0.4:
        floor = height * rng.uniform(0.7, 0.92)
        fill(canvas, _rectangle(-5, floor, width + 5, height + 5), Paint(_tint(rng, 0.15, 0.6), 1.5))
        fill(canvas, _rectangle(-5, floor - 0.02 * height, width + 5, floor), Paint(_tint(rng, 0.5, 0.95, 0.9)))
    return canvas


def _window(rng: Random, canvas: Field) -> None:
    """A window or a picture: a frame around brightness or clouds, with bars."""
    height, width = canvas.shape[:2]
    tall, wide = (int(rng.uniform(0.15, 0.5) * side) for side in (height, width))
    top, left = int(rng.integers(0, height - tall)), int(rng.integers(0, width - wide))
    rim = max(2, int(0.015 * height))
    frame = Paint(_tint(rng, 0.1, 0.95, 0.8))
    fill(canvas, _rectangle(left - rim, top - rim, left + wide + rim, top + tall + rim), frame)
    inside = vertical_gradient(_tint(rng, 0.2, 1, 0.3), _tint(rng, 0.2, 1, 0.3), tall, wide)
    inside *= 1 + np.float32(0.1) * fractal_noise(rng, tall, wide, (max(2, tall // 3), max(2, tall // 8)))[..., None]
    canvas[top : top + tall, left : left + wide] = inside
    for share in np.linspace(0, 1, int(rng.integers(2, 5)))[1:-1]:
        stroke(canvas, np.array(((left + share * wide, top), (left + share * wide, top + tall))), rim, frame)


def _park(rng: Random, height: int, width: int) -> Field:
    """Sky, trees and a lawn."""
    horizon = int(height * rng.uniform(0.4, 0.75))
    canvas = vertical_gradient(colour(0.5, 0.68, 0.9), colour(0.85, 0.9, 0.93), height, width)
    canvas *= np.float32(rng.uniform(0.75, 1.1))
    lawn = colour(0.33, 0.46, 0.2) * np.float32(rng.uniform(0.6, 1.2))
    turf = 1 + 0.13 * grain(rng, height - horizon, width, across=2, along=5)
    turf = turf + 0.1 * fractal_noise(rng, height - horizon, width, (30,))
    canvas[horizon:] = lawn * turf[..., None]
    leaves = 1 + np.float32(0.3) * fractal_noise(rng, height, width, (4, 9, 20))
    for _ in range(int(rng.integers(4, 12))):
        x, size = rng.uniform(0, width), rng.uniform(0.1, 0.3) * height
        trunk = _rectangle(x - 0.05 * size, horizon - size, x + 0.05 * size, horizon + 0.1 * size)
        fill(canvas, trunk, Paint(colour(0.25, 0.18, 0.12)))
        crown = colour(0.2, 0.34, 0.12) * np.float32(rng.uniform(0.6, 1.3))
        for _ in range(5):
            centre = (float(x + rng.normal(0, 0.3) * size), float(horizon - size * rng.uniform(0.8, 1.6)))
            fill(canvas, ellipse(centre, (0.45 * size, 0.38 * size)), Paint(crown, 0.04 * size, 1, leaves))
    return canvas


def _shelves(rng: Random, height: int, width: int) -> Field:
    """Rows of books or goods: many upright edges of many colours."""
    canvas = np.ones((height, width, 3), np.float32) * _tint(rng, 0.1, 0.5)
    board = Paint(_tint(rng, 0.25, 0.7, 0.7))
    spacing = height * rng.uniform(0.14, 0.3)
    for shelf in np.arange(spacing, height + spacing, spacing):
        x = 0.0
        while x < width:
            wide = rng.uniform(0.012, 0.06) * width
            if rng.random() < 0.88:
                tall = spacing * rng.uniform(0.5, 0.88)
                goods = Paint(_tint(rng, 0.05, 0.95, 0.2), 0.6)
                fill(canvas, _rectangle(x, shelf - tall, x + wide * 0.94, shelf), goods)
            x += wide
        fill(canvas, _rectangle(-2, shelf, width + 2, shelf + 0.1 * spacing), board)
    return canvas


def _lights(rng: Random, height: int, width: int) -> Field:
    """Dusk, with discs of light out of focus."""
    canvas = vertical_gradient(_tint(rng, 0.03, 0.3), _tint(rng, 0.05, 0.4), height, width)
    canvas += np.float32(0.03) * fractal_noise(rng, height, width, _noise_scales(height))[..., None]
    for _ in range(int(rng.integers(8, 40))):
        middle = rng.uniform((0, 0), (width, height))
        radius = float(rng.uniform(0.01, 0.05) * height)
        lamp = Paint(_tint(rng, 0.5, 1.0, 0.2), 1.0, float(rng.uniform(0.2, 0.7)))
        fill(canvas, ellipse((middle[0], middle[1]), (radius, radius)), lamp)
    return canvas


_PLACES: tuple[Callable[[Random, int, int], Field], ...] = (_clouds, _street, _wall, _park, _shelves, _lights)
_SHARES = (0.2, 0.2, 0.27, 0.14, 0.11, 0.08)
