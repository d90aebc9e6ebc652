"""Face masks: surgical, cloth and folded (FFP2), worn well, under the nose or on the chin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.brush import Brush
from training.render.canvas import Paint, Points, fill, stroke
from training.render.look import MaskState
from training.render.materials import Colour, Field, cloth, colour

_SURGICAL = (
    colour(0.55, 0.74, 0.86),
    colour(0.90, 0.92, 0.93),
    colour(0.16, 0.17, 0.19),
    colour(0.60, 0.80, 0.74),
    colour(0.86, 0.66, 0.72),
)
_FOLDED = (colour(0.93, 0.93, 0.92), colour(0.14, 0.14, 0.16), colour(0.80, 0.83, 0.86))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A mask's make: `kind` is "surgical", "cloth" or "folded"; `tint` its colour; `print` multiplies it."""

    kind: str
    tint: Colour
    print: Field | None


def paint_mask(brush: Brush, state: MaskState, wear: int) -> None:
    """Fabric, pleats or seam, rim and ear loops."""
    cut = _cut(wear, brush)
    top, bottom = _edges(brush, state)
    head = brush.head
    outline = np.concatenate((top, bottom[::-1]))
    for sign in (-1, 1):
        _loop(brush, sign, top, bottom, cut)
    light = brush.light if cut.print is None else brush.light * cut.print
    shadow = Paint(head.person.skin * np.float32(0.4), 0.014 * head.unit, 0.5)
    fill(brush.layer, outline + np.array((0, 0.012 * head.unit)), shadow)
    fill(brush.layer, outline, Paint(cut.tint, max(0.7, 0.004 * head.unit), 1, np.asarray(light, np.float32)))
    _details(brush, top, bottom, cut)


def _cut(wear: int, brush: Brush) -> _Cut:
    rng = np.random.default_rng((wear, 4))
    kind = str(rng.choice(("surgical", "cloth", "folded"), p=(0.6, 0.22, 0.18)))
    if kind == "cloth":
        tint = rng.uniform(0.08, 0.85, 3).astype(np.float32)
        height, width = brush.layer.shape[:2]
        pattern = cloth(rng, height, width, period=brush.head.unit * rng.uniform(0.05, 0.12))
        return _Cut(kind, tint, pattern)
    palette = _SURGICAL if kind == "surgical" else _FOLDED
    weights = (0.4, 0.2, 0.2, 0.1, 0.1) if kind == "surgical" else (0.6, 0.25, 0.15)
    tint = palette[int(rng.choice(len(palette), p=weights))] * np.float32(rng.uniform(0.92, 1.05))
    return _Cut(kind, tint, None)


def _edges(brush: Brush, state: MaskState) -> tuple[Points, Points]:
    """Upper and lower rim from the left to the right of the picture, each 17 x 2, in layer pixels."""
    head, person = brush.head, brush.head.person
    t = np.linspace(-1, 1, 17)
    out = person.nose_height
    if state == "on":
        middle, side, ridge = person.eye_y + 0.085, person.eye_y + 0.175, 0.8 * out
    elif state == "under_nose":
        middle, side, ridge = head.nose_base + 0.018, person.eye_y + 0.215, 0.07
    else:
        middle, side, ridge = person.mouth_y + 0.078, person.mouth_y + 0.035, 0.055
    y = side + (middle - side) * _bell(t, 0.42)
    wide = np.asarray(head.half_width(np.minimum(y, 0.4)))
    top = head.project(t * wide * 0.955, y, 0.012 + ridge * _bell(t, 0.28))
    drop = 0.515 if state != "chin" else 0.545
    along = np.sin(t * np.pi / 2)
    low_side = min(0.40, side + (0.16 if state != "chin" else 0.09))
    low = low_side + (drop - low_side) * np.sqrt(np.maximum(1 - along**2, 0)) ** 0.9
    rim = np.asarray(head.half_width(np.minimum(low, 0.47))) * 1.02 + 0.008
    across = np.sign(along) * np.minimum(np.abs(along) * float(head.half_width(low_side)) * 1.03, rim)
    bottom = head.project(across, low, 0.02 + 0.03 * _bell(t, 0.5))
    return top, bottom


def _bell(t: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-((t / spread) ** 2)))


def _details(brush: Brush, top: Points, bottom: Points, cut: _Cut) -> None:
    unit = brush.head.unit
    dark = Paint(cut.tint * np.float32(0.72), max(0.7, 0.004 * unit), 0.8, brush.light)
    pale = Paint(np.minimum(cut.tint * 1.12 + 0.02, 1), max(0.7, 0.006 * unit), 0.8, brush.light)
    if cut.kind == "surgical":
        for share in (0.3, 0.5, 0.7):
            pleat = top * (1 - share) + bottom * share
            stroke(brush.layer, pleat[1:-1], 0.009 * unit, dark)
            stroke(brush.layer, pleat[1:-1] + np.array((0, 0.012 * unit)), 0.008 * unit, pale)
        stroke(brush.layer, (top * 0.95 + bottom * 0.05)[5:12], 0.016 * unit, pale)
    elif cut.kind == "folded":
        centre = np.linspace(0, 1, 9)[:, None]
        seam = top[8] * (1 - centre) + bottom[8] * centre
        stroke(brush.layer, seam, 0.012 * unit, pale)
        stroke(brush.layer, seam + np.array((0.012 * unit, 0)), 0.010 * unit, dark)
        stroke(brush.layer, (top * 0.93 + bottom * 0.07)[1:-1], 0.006 * unit, dark)
    for rim, inward in ((top, 0.05), (bottom, -0.05)):
        other = bottom if rim is top else top
        stroke(brush.layer, rim * (1 - abs(inward)) + other * abs(inward), 0.007 * unit, dark)


def _loop(brush: Brush, sign: int, top: Points, bottom: Points, cut: _Cut) -> None:
    """Elastic from both corners of the mask to the ear."""
    head = brush.head
    edge = float(head.half_width(0.0)) * 1.0 + 0.03
    ear = head.project(sign * edge, np.array((head.person.eye_y - 0.01, head.person.eye_y + 0.14)))
    corner = 0 if sign < 0 else -1
    paint = Paint(np.minimum(cut.tint * 0.92 + 0.04, 1), max(0.7, 0.002 * head.unit), 0.95, brush.light)
    for start, end in ((top[corner], ear[0]), (bottom[corner], ear[1])):
        stroke(brush.layer, np.stack((start, end)), 0.011 * head.unit, paint)
