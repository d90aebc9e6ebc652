"""Eyes, eyebrows and glasses."""

import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, ellipse, fill, polygon_cover, smooth_path, stroke, window_of
from training.render.look import Look
from training.render.materials import Colour, colour

_SIDES = (-1, 1)
_FRAMES = {
    "thin": (0.0075, (0.112, 0.068), 2.6),
    "round": (0.009, (0.098, 0.088), 2.0),
    "thick": (0.017, (0.118, 0.08), 3.2),
    "sun": (0.012, (0.122, 0.088), 2.8),
}
"""Per style: thickness, half-axes and squareness of a lens."""


def paint_eyes(brush: Brush, look: Look) -> None:
    """Sockets, eyeballs, lids and brows, without glasses."""
    for sign in _SIDES:
        _socket(brush, sign)
        _eyeball(brush, look, sign)
        _lids(brush, look, sign)
        _brow(brush, look, sign)


def _corners(brush: Brush, sign: int, grow: float = 1.0) -> tuple[float, float, float, float]:
    """The inner corner's x and y, then the outer corner's."""
    person = brush.head.person
    half, rise = person.eye_width * grow, person.eye_width * grow * np.tan(person.eye_tilt)
    middle, y = sign * person.eye_apart, person.eye_y
    return middle - sign * half, y + rise, middle + sign * half, y - rise


def _opening(brush: Brush, look: Look, sign: int, grow: float = 1.0) -> tuple[Points, Points]:
    """Upper and lower lid from the inner to the outer corner in units of the face, each 9 x 2."""
    person = brush.head.person
    inner_x, inner_y, outer_x, outer_y = _corners(brush, sign, grow)
    t = np.linspace(0, 1, 9)
    x, base = inner_x + (outer_x - inner_x) * t, inner_y + (outer_y - inner_y) * t
    arch = np.sin(np.pi * t**0.85) ** 0.8
    upper = base - person.eye_height * 1.15 * look.eyes_open * arch * grow
    lower = base + person.eye_height * (0.75 - 0.15 * max(look.smile, 0)) * np.sin(np.pi * t**1.15) * grow
    return np.stack((x, upper), 1), np.stack((x, lower), 1)


def _socket(brush: Brush, sign: int) -> None:
    person = brush.head.person
    x, y = sign * person.eye_apart, person.eye_y
    shade = person.skin * colour(0.66, 0.60, 0.60)
    brush.blob((x, y - 0.012), (person.eye_width * 1.3, person.eye_height * 2.1), brush.paint(shade, 0.022, 0.75))
    brush.blob((x - sign * 0.07, y - 0.03), (0.03, 0.035), brush.paint(shade * 0.9, 0.018, 0.55))
    bag = brush.paint(person.skin * colour(0.78, 0.70, 0.70), 0.01, 0.25 + 0.4 * person.age)
    brush.line(
        np.array((-0.8, -0.2, 0.4, 0.9)) * person.eye_width + x, np.array((0.045, 0.06, 0.058, 0.04)) + y, 0.012, bag
    )


def _eyeball(brush: Brush, look: Look, sign: int) -> None:
    """Eyeball, iris and pupil, seen through the opening of the lids."""
    head, person = brush.head, brush.head.person
    upper, lower = _opening(brush, look, sign)
    around = np.concatenate((upper, lower[::-1]))
    opening = head.project(around[:, 0], around[:, 1])
    window = window_of(opening, 3, brush.layer.shape)
    if window is None:
        return
    cover = np.zeros(brush.layer.shape[:2], np.float32)
    cover[window] = polygon_cover(opening, window, max(0.7, 0.003 * head.unit)) * brush.skin[window]
    white = np.minimum(person.skin * 0.42 + colour(0.44, 0.44, 0.45), 0.9)
    soft = max(0.7, 0.004 * head.unit)
    brush.shape(opening, Paint(white, soft, 1, brush.light, cover))
    centre = head.project(sign * person.eye_apart + 0.022 * look.gaze, person.eye_y - 0.12 * person.eye_height)[0]
    radius = 0.034 * head.unit
    for share, tint in ((1.0, person.iris * 0.5), (0.86, person.iris), (0.42, colour(0.03, 0.03, 0.035))):
        disc = ellipse((centre[0], centre[1]), (radius * share * np.cos(head.yaw * 0.7), radius * share))
        brush.shape(disc, Paint(np.minimum(tint * 1.2, 1), soft, 1, brush.light, cover))
    lid_shadow = np.concatenate((upper, upper[::-1] + np.array((0, 0.016))))
    shaded = Paint(person.skin * 0.22, max(0.7, 0.006 * head.unit), 0.6, brush.light, cover)
    brush.shape(head.project(lid_shadow[:, 0], lid_shadow[:, 1]), shaded)
    spark = ellipse((centre[0] + 0.011 * head.unit, centre[1] - 0.012 * head.unit), (0.0065 * head.unit,) * 2)
    brush.shape(spark, Paint(colour(1, 1, 1), 0.7, 0.9, None, cover))


def _lids(brush: Brush, look: Look, sign: int) -> None:
    person = brush.head.person
    upper, lower = _opening(brush, look, sign, 1.04)
    dark = np.minimum(person.skin * 0.24, person.hair * 0.6)
    brush.line(upper[:, 0], upper[:, 1], 0.013, brush.paint(dark, 0.003))
    brush.line(lower[1:, 0], lower[1:, 1], 0.006, brush.paint(person.skin * colour(0.6, 0.45, 0.43), 0.004, 0.75))
    crease = upper - np.array((0, 0.017 + 0.008 * look.eyes_open))
    brush.line(crease[:, 0], crease[:, 1], 0.007, brush.paint(person.skin * colour(0.52, 0.42, 0.4), 0.005, 0.7))


def _brow(brush: Brush, look: Look, sign: int) -> None:
    person = brush.head.person
    t = np.linspace(0, 1, 7)
    x = sign * (person.eye_apart - person.eye_width * 1.2 + t * person.eye_width * 2.55)
    lift = person.brow_lift + 0.012 * (look.eyes_open - 0.9)
    ridge = person.eye_y - lift - person.brow_arch * np.sin(np.pi * np.minimum(1, t * 1.25)) + 0.012 * t
    thick = person.brow_thickness * (1 - 0.75 * t**2) * np.minimum(1, 0.7 + 2 * t)
    tone = person.hair * 0.62 if person.hair_style != "bald" else person.skin * 0.4
    tone = np.minimum(tone, person.skin * 0.5)
    outline = np.concatenate((np.stack((x, ridge - thick), 1), np.stack((x, ridge + thick), 1)[::-1]))
    brush.patch(outline[:, 0], outline[:, 1], brush.paint(tone, 0.006, 0.88), out=0.01, smooth=True)


def paint_glasses(brush: Brush) -> None:
    """Frames, lenses and temples; nothing for those who wear none."""
    head, person = brush.head, brush.head.person
    if person.glasses == "none":
        return
    thickness, radii, square = _FRAMES[person.glasses]
    metal = colour(0.10, 0.09, 0.09) if person.texture % 3 else colour(0.42, 0.32, 0.2)
    frame = Paint(metal, max(0.7, 0.002 * head.unit), 1, None, None)
    for sign in _SIDES:
        lens = _lens(brush, sign, radii, square)
        tint, opacity = (colour(0.05, 0.05, 0.06), 0.9) if person.glasses == "sun" else (colour(0.9, 0.95, 1), 0.06)
        fill(brush.layer, lens, Paint(tint, 0.7, opacity))
        _reflection(brush, lens, 0.28 if person.glasses == "sun" else 0.16)
        stroke(brush.layer, np.concatenate((lens, lens[:1])), thickness * head.unit, frame)
        if sign * head.yaw > 0.15:
            continue  # the far temple is behind the face
        temple = head.project(
            sign * np.array((person.eye_apart + radii[0], head.half_width(person.eye_y) * 1.01)),
            np.array((person.eye_y - 0.02, person.eye_y - 0.005)),
            (0.03, 0.0),
        )
        stroke(brush.layer, temple, thickness * head.unit * 1.2, frame)
    inner = person.eye_apart - radii[0]
    bridge = head.project((-inner, 0, inner), person.eye_y + np.array((-0.012, -0.026, -0.012)), (0.06, 0.085, 0.06))
    stroke(brush.layer, smooth_path(bridge, closed=False), thickness * head.unit * 1.1, frame)


def _lens(brush: Brush, sign: int, radii: tuple[float, float], square: float) -> Points:
    person = brush.head.person
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    x, y = (np.sign(part) * np.abs(part) ** (2 / square) for part in (np.cos(angle), np.sin(angle)))
    return brush.head.project(sign * person.eye_apart + radii[0] * x, person.eye_y + 0.012 + radii[1] * y, 0.055)


def _reflection(brush: Brush, lens: Points, opacity: float) -> None:
    """A bright band across the upper part of a lens."""
    low, high = lens.min(axis=0), lens.max(axis=0)
    size = high - low
    band = low + size * np.array(((0.2, 0.12), (0.5, 0.12), (0.3, 0.6), (0.12, 0.6)))
    white: Colour = colour(1, 1, 1)
    fill(brush.layer, band, Paint(white, max(0.7, 0.01 * brush.head.unit), opacity))
