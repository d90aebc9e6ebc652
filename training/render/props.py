"""What people hold in front of their faces: a hand, a phone, a cup. Not masks, but they hide what a mask would."""

import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, ellipse, fill, stroke
from training.render.look import Occluder
from training.render.materials import Colour, colour

_MIDDLE = {"hand": (0.0, 0.36), "phone": (0.30, 0.20), "cup": (0.02, 0.34)}


def paint_prop(brush: Brush, prop: Occluder, wear: int) -> None:
    """Paint over everything else on the head's layer; `wear` chooses side, place and colour."""
    rng = np.random.default_rng((wear, 7))
    side = 1 if rng.random() < 0.5 else -1
    x, y = _MIDDLE[prop]
    middle = brush.head.plane(side * (x + rng.normal(0, 0.03)), y + rng.normal(0, 0.03), -0.2)[0]
    tint = np.asarray(rng.uniform(0.1, 0.9, 3), np.float32)
    if prop == "hand":
        _hand(brush, middle, side, float(rng.uniform(0.2, 0.9)))
    elif prop == "phone":
        _phone(brush, middle, side, tint)
    else:
        _cup(brush, middle, side, tint)


def _turned(points: Points, angle: float, brush: Brush, middle: Points) -> Points:
    """Points in face heights around the origin, n x 2, turned and put in place, in pixels."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array(((cosine, sine), (-sine, cosine))) * brush.head.unit + middle


def _finger(brush: Brush, ends: Points, width: float) -> None:
    """One finger along a line, with the shadow at its side; lengths in pixels."""
    skin, unit = brush.head.person.skin, brush.head.unit
    dark = Paint(skin * np.float32(0.45), max(0.7, 0.008 * unit), 0.8, brush.light)
    stroke(brush.layer, ends + np.array((0.010, 0.012)) * unit, width, dark)
    stroke(brush.layer, ends, width, Paint(skin * np.float32(0.94), max(0.7, 0.005 * unit), 1, brush.light))


def _hand(brush: Brush, middle: Points, side: int, angle: float) -> None:
    """A hand before the mouth, fingers up and across, its arm leaving downwards."""
    skin, unit = brush.head.person.skin, brush.head.unit
    paint = Paint(skin * np.float32(0.9), max(0.7, 0.006 * unit), 1, brush.light)
    arm = np.array(((0.02 * side, 0.12), (0.16 * side, 0.75)))
    stroke(brush.layer, _turned(arm, 0, brush, middle), 0.22 * unit, paint)
    palm = ellipse((0.02 * side, 0.10), (0.135, 0.15), points=20)
    fill(brush.layer, _turned(palm, 0, brush, middle), paint)
    for number in range(4):
        root = np.array((0.115 - 0.072 * number, 0.03 + 0.008 * number)) * (side, 1)
        tip = root + np.array((-0.10 * angle, -0.20 - 0.03 * (number in (1, 2)))) * (side, 1)
        _finger(brush, _turned(np.stack((root, tip)), 0, brush, middle), 0.066 * unit)


def _phone(brush: Brush, middle: Points, side: int, tint: Colour) -> None:
    """A phone seen from behind, held by fingers on its outer edge."""
    unit = brush.head.unit
    case = np.array(((-0.15, -0.30), (0.15, -0.30), (0.15, 0.30), (-0.15, 0.30)))
    lean = 0.12 * side
    shadow = Paint(colour(0.05, 0.05, 0.05), 0.02 * unit, 0.4)
    fill(brush.layer, _turned(case, lean, brush, middle) + np.array((0, 0.02 * unit)), shadow)
    fill(brush.layer, _turned(case, lean, brush, middle), Paint(tint * np.float32(0.5), max(0.7, 0.01 * unit)))
    lens = ellipse((-0.09, -0.24), (0.03, 0.03), points=16)
    fill(brush.layer, _turned(lens, lean, brush, middle), Paint(colour(0.03, 0.03, 0.04)))
    for number in range(4):
        y = -0.06 + 0.075 * number
        finger = np.array(((0.24 * side, y + 0.03), (0.10 * side, y)))
        _finger(brush, _turned(finger, lean, brush, middle), 0.065 * unit)


def _cup(brush: Brush, middle: Points, side: int, tint: Colour) -> None:
    """A cup before the mouth."""
    unit = brush.head.unit
    wall = np.array(((-0.15, -0.13), (0.15, -0.13), (0.115, 0.25), (-0.115, 0.25)))
    fill(brush.layer, _turned(wall, 0.1 * side, brush, middle), Paint(tint, max(0.7, 0.005 * unit), 1, brush.light))
    sleeve = np.array(((-0.138, 0.0), (0.138, 0.0), (0.125, 0.13), (-0.125, 0.13)))
    paint = Paint(np.minimum(tint * 0.5 + 0.2, 1), max(0.7, 0.005 * unit), 1, brush.light)
    fill(brush.layer, _turned(sleeve, 0.1 * side, brush, middle), paint)
    lid = ellipse((0.0, -0.13), (0.158, 0.035), points=24)
    fill(brush.layer, _turned(lid, 0.1 * side, brush, middle), Paint(np.minimum(tint * 1.3 + 0.1, 1)))
    for number in range(4):
        y = 0.02 + 0.062 * number
        finger = np.array(((0.19 * side, y + 0.02), (-0.02 * side, y)))
        _finger(brush, _turned(finger, 0.1 * side, brush, middle), 0.056 * unit)
