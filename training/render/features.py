"""The relief of a face, and its skin, nose, mouth and ears."""

import numpy as np

from training.render.brush import Brush
from training.render.canvas import window_of
from training.render.head import Head
from training.render.look import Look
from training.render.materials import Field, colour, grain

_SIDES = (-1, 1)


def relief(head: Head, look: Look, shape: tuple[int, int]) -> Field:
    """What stands out of the face: height x width in pixels, a sum of Gaussian bumps seen where the head shows them."""
    person = head.person
    eye, base, mouth = person.eye_y, head.nose_base, person.mouth_y
    tip = base - 0.035
    # x, y, standard deviation across and along, height, how far it stands out of the surface.
    bumps: list[tuple[float, float, float, float, float, float]] = [
        (0, (eye + tip) / 2, 0.024, 0.08, 0.032, 0.5 * person.nose_height),
        (0, tip, 0.033, 0.028, 0.045, person.nose_height),
        (0, eye - 0.075, 0.14, 0.026, 0.012, 0.02),
        (0, mouth + 0.016, 0.065, 0.020, 0.012, 0.03),
        (0, mouth + 0.062, 0.06, 0.014, -0.010, 0.02),
        (0, 0.435, 0.065, 0.045, 0.022, 0.03),
        (0, (base + mouth) / 2, 0.012, 0.02, -0.006, 0.02),
    ]
    for sign in _SIDES:
        bumps += [
            (sign * person.eye_apart, eye, 0.062, 0.036, -0.016, 0.0),
            (sign * 0.225, eye + 0.145, 0.055, 0.045, 0.016 + 0.012 * person.cheekbones, 0.02),
            (sign * person.nose_width * 0.6, base - 0.022, 0.02, 0.018, 0.016, 0.06),
            (sign * 0.15, mouth - 0.06, 0.018, 0.05, -0.008 - 0.008 * (person.age + max(look.smile, 0)), 0.02),
        ]
    rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    total = np.zeros(shape, np.float32)
    for x, y, across, along, height, out in bumps:
        middle = head.project(x, y, out)[0]
        wide = np.exp(-(((columns - middle[0]) / (across * head.unit)) ** 2) / 2).astype(np.float32)
        tall = np.exp(-(((rows - middle[1]) / (along * head.unit)) ** 2) / 2).astype(np.float32)
        total += np.outer(tall, wide * np.float32(height * head.unit))
    return total


def paint_skin(brush: Brush) -> None:
    """Colour of the skin: redder cheeks and nose, blotches, freckles, a mole, lines of age."""
    person, head = brush.head.person, brush.head
    flush = np.minimum(person.skin * colour(1.06, 0.86, 0.84), 1)
    for sign in _SIDES:
        brush.blob((sign * 0.21, 0.13), (0.11, 0.09), brush.paint(flush, 0.05, 0.65))
        temple = brush.paint(person.skin * np.float32(0.88), 0.05, 0.4)
        brush.blob((sign * person.face_width * 0.44, -0.14), (0.05, 0.12), temple)
    brush.blob((0, head.nose_base - 0.04), (0.045, 0.04), brush.paint(flush, 0.03, 0.6), out=person.nose_height)
    brush.blob((0, -0.25), (0.16, 0.07), brush.paint(np.minimum(person.skin * 1.06, 1), 0.05, 0.6))
    _blotches(brush)
    if person.mole is not None:
        brush.blob(person.mole, (0.010, 0.009), brush.paint(person.skin * 0.35, 0.003))
    _freckles(brush)
    _lines_of_age(brush)


def _blotches(brush: Brush) -> None:
    """Pores and patches; red varies least, as in skin."""
    head = brush.head
    window = window_of(head.skull(), 2, brush.layer.shape)
    if window is None:
        return
    rng = np.random.default_rng((head.person.texture, 1))
    height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
    coarse = max(4, int(head.unit * 0.06))
    marks = grain(rng, height, width) * np.float32(0.012 + 0.014 * head.person.age)
    marks = marks + grain(rng, height, width, across=coarse, along=coarse) * np.float32(0.022)
    marks *= brush.skin[window]
    for channel, strength in enumerate((0.7, 1.0, 1.0)):
        brush.layer[window][..., channel] *= 1 + np.float32(strength) * marks


def _freckles(brush: Brush) -> None:
    person = brush.head.person
    rng = np.random.default_rng((person.texture, 2))
    for _ in range(round(50 * person.freckles)):
        x, y = float(rng.normal(0, 0.16)), float(rng.normal(0.09, 0.05))
        size = float(rng.uniform(0.004, 0.008))
        brush.blob((x, y), (size, size), brush.paint(person.skin * colour(0.75, 0.6, 0.5), 0.003, 0.5))


def _lines_of_age(brush: Brush) -> None:
    person = brush.head.person
    strength = max(0.0, person.age - 0.4) * 1.3
    if strength == 0:
        return
    paint = brush.paint(person.skin * colour(0.66, 0.56, 0.54), 0.006, min(0.7, strength))
    for level in (-0.29, -0.25, -0.21):
        x = np.linspace(-0.15, 0.15, 6)
        brush.line(x, level + 0.012 * np.cos(x * 12), 0.006, paint)
    for sign in _SIDES:
        foot = sign * (person.eye_apart + person.eye_width * 1.25)
        for slope in (-0.02, 0.0, 0.02):
            brush.line(
                foot + sign * np.array((0, 0.02, 0.04)), person.eye_y + slope * np.array((0.4, 1, 2)), 0.004, paint
            )


def paint_nose(brush: Brush) -> None:
    """Nostrils, wings, the shadow below and the gleam of ridge and tip; the bulk is relief."""
    person, head = brush.head.person, brush.head
    base, half, out = head.nose_base, person.nose_width * 0.5, person.nose_height
    shade = person.skin * colour(0.58, 0.48, 0.46)
    brush.blob((0, base + 0.016), (half * 1.5, 0.016), brush.paint(shade, 0.016, 0.6), out=0.02)
    for sign in _SIDES:
        wing = sign * half * np.array((1.0, 1.5, 1.55, 1.2))
        brush.line(
            wing, base + np.array((-0.055, -0.04, -0.015, 0.0)), 0.009, brush.paint(shade, 0.006, 0.65), out=0.35 * out
        )
        nostril = brush.paint(person.skin * 0.2, 0.004, 0.9)
        brush.blob((sign * half * 0.62, base - 0.006), (0.019, 0.0095), nostril, out=0.6 * out)
        flank = brush.paint(shade * 1.1, 0.018, 0.3 if sign * head.yaw <= 0 else 0.15)
        y = person.eye_y + np.array((0.0, 0.07, 0.14))
        brush.line(sign * np.array((0.045, 0.045, half * 1.2)), y, 0.022, flank, out=0.3 * out)
    gleam = brush.paint(np.minimum(person.skin * 1.18 + 0.02, 1), 0.016, 0.42)
    brush.line((0, 0, 0), (person.eye_y + 0.05, person.eye_y + 0.1, base - 0.09), 0.014, gleam, out=0.75 * out)
    brush.blob((0.004, base - 0.045), (0.017, 0.013), gleam, out=out)


def paint_mouth(brush: Brush, look: Look) -> None:
    """Lips, what is between them, and the shadow below."""
    person = brush.head.person
    y, half = person.mouth_y, person.mouth_width * (1 + 0.16 * look.smile)
    open_by, lift = 0.055 * look.mouth_open, 0.026 * look.smile
    t = np.linspace(-1, 1, 9)
    line = y - lift * np.abs(t) ** 1.6
    bow = np.array((0, 0.45, 0.85, 1.08, 0.82, 1.08, 0.85, 0.45, 0))
    belly = np.array((0, 0.55, 0.95, 1.12, 1.15, 1.12, 0.95, 0.55, 0))
    gap = 1 - t**2
    upper, lower = line - open_by * 0.25 * gap, line + open_by * gap
    lip = person.skin * colour(0.88, 0.60, 0.58)
    x = t * half
    if open_by > 0.008:
        _inside(brush, np.stack((x, upper, lower)))
    top = np.concatenate((upper - person.lip * bow, upper[::-1] + 0.003))
    brush.patch(np.concatenate((x, x[::-1])), top, brush.paint(lip * 0.86, 0.005, 0.9), out=0.04)
    bottom = np.concatenate((lower + person.lip * 1.35 * belly, lower[::-1] - 0.003))
    brush.patch(np.concatenate((x, x[::-1])), bottom, brush.paint(lip, 0.006, 0.9), out=0.04)
    shine = brush.paint(np.minimum(lip * 1.3 + 0.06, 1), 0.009, 0.5)
    brush.line(x[3:6], lower[3:6] + person.lip * 0.6, 0.010, shine, out=0.05)
    if open_by <= 0.008:
        brush.line(x, line, 0.007, brush.paint(person.skin * colour(0.34, 0.2, 0.2), 0.003), out=0.04)
    for sign in _SIDES:
        brush.blob((sign * half, line[0]), (0.012, 0.01), brush.paint(person.skin * 0.55, 0.008, 0.6), out=0.02)
    under = brush.paint(person.skin * colour(0.72, 0.63, 0.6), 0.016, 0.6)
    brush.line(
        (-0.06, 0, 0.06), y + open_by + person.lip * 1.6 + np.array((0.022, 0.026, 0.022)), 0.014, under, out=0.03
    )


def _inside(brush: Brush, curves: Field) -> None:
    """Teeth and the dark behind them; rows of `curves` are x, upper lip and lower lip."""
    x, upper, lower = curves
    around = np.concatenate((x, x[::-1])) * 0.92
    brush.patch(around, np.concatenate((upper, lower[::-1])), brush.paint(colour(0.2, 0.06, 0.06), 0.003), out=0.03)
    teeth = np.concatenate((upper, (upper + 0.45 * (lower - upper))[::-1]))
    brush.patch(around * 0.86, teeth, brush.paint(colour(0.88, 0.86, 0.80), 0.004, 0.95), out=0.03)


def paint_ear(brush: Brush, sign: int) -> None:
    """One ear (-1: on the left of the picture), at the edge of the face."""
    person, head = brush.head.person, brush.head
    y = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    edge = float(head.half_width(0.02))
    height = person.eye_y + 0.075
    for grow, tint, soft in ((1.0, colour(0.92, 0.84, 0.82), 0.005), (0.55, colour(0.66, 0.52, 0.5), 0.012)):
        x = sign * (edge + 0.014 + 0.040 * grow * np.cos(y)) - sign * 0.012 * np.sin(y)
        points = head.project(x, height + 0.105 * grow * np.sin(y))
        brush.shape(points, brush.paint(person.skin * tint, soft, on_skin=False))
