"""What covers a head: beanies, caps, headscarves, hard hats."""

import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, fill, stroke
from training.render.look import Hat
from training.render.materials import Colour, Field, cloth, colour, grain

HELMETS = (
    colour(0.96, 0.78, 0.12),
    colour(0.93, 0.93, 0.92),
    colour(0.91, 0.42, 0.10),
    colour(0.15, 0.36, 0.74),
    colour(0.78, 0.16, 0.13),
)


def paint_hat(brush: Brush, hat: Hat, wear: int) -> None:
    """Paint over the hair; `wear` chooses the colour."""
    rng = np.random.default_rng((wear, 5))
    if hat == "helmet":
        _helmet(brush, HELMETS[int(rng.integers(len(HELMETS)))])
        return
    bright = rng.uniform(0.06, 0.8, 3)
    tint = np.asarray(bright.mean() + (bright - bright.mean()) * rng.uniform(0.1, 0.9), np.float32)
    if hat == "beanie":
        _beanie(brush, tint, rng)
    elif hat == "cap":
        _cap(brush, tint)
    else:
        _headscarf(brush, tint, rng)


def _dome(brush: Brush, rim: float, wide: float, high: float) -> Points:
    """A half ellipse over the skull from the rim's left end over the top to its right end: 30 x 2."""
    head = brush.head
    angle = np.linspace(np.pi, 2 * np.pi, 30)
    reach = float(head.silhouette(-0.1)) + wide
    return head.plane(reach * np.cos(angle), rim + (0.5 + rim + high) * np.sin(angle), 0.02)


def _front_rim(brush: Brush, rim: float, sag: float, wide: float) -> Points:
    """The rim in front of the forehead, from right to left: 15 x 2."""
    head = brush.head
    t = np.linspace(1, -1, 15)
    reach = float(head.silhouette(-0.1)) + wide
    points = head.plane(reach * t, np.full(15, rim), 0.02)
    points[:, 1] += sag * head.unit * np.sqrt(1 - t**2)
    return points


def _plain(brush: Brush, tint: Colour, light: Field | None = None) -> Paint:
    return Paint(np.minimum(tint, 1), max(0.7, 0.004 * brush.head.unit), 1, brush.light if light is None else light)


def _beanie(brush: Brush, tint: Colour, rng: np.random.Generator) -> None:
    shape = brush.layer.shape
    thick = max(2, int(brush.head.unit * 0.014))
    strands = grain(rng, shape[0], shape[1], across=thick, along=thick * 5)
    knit = brush.light * (1 + np.float32(0.10) * strands)
    dome = _dome(brush, -0.27, 0.055, 0.13)
    fill(brush.layer, np.concatenate((dome, _front_rim(brush, -0.27, 0.04, 0.055))), _plain(brush, tint, knit))
    upper, lower = _front_rim(brush, -0.36, 0.03, 0.06), _front_rim(brush, -0.24, 0.04, 0.062)
    fill(brush.layer, np.concatenate((upper, lower[::-1])), _plain(brush, tint * np.float32(0.85), knit))


def _cap(brush: Brush, tint: Colour) -> None:
    head = brush.head
    dome = _dome(brush, -0.27, 0.035, 0.10)
    fill(brush.layer, np.concatenate((dome, _front_rim(brush, -0.27, 0.03, 0.035))), _plain(brush, tint))
    for x in (-0.16, 0.16):
        seam = head.project(np.array((x * 0.2, x * 0.8, x)), np.array((-0.49, -0.42, -0.3)), 0.08)
        stroke(brush.layer, seam, 0.006 * head.unit, _plain(brush, tint * np.float32(0.6)))
    t = np.linspace(-1, 1, 13)
    back = head.project(t * 0.33, np.full(13, -0.29), 0.04)
    reach = np.sqrt(1 - (t * 0.98) ** 2)
    front = head.project(t * 0.35, -0.27 + 0.055 * reach, 0.05 + 0.22 * reach)
    shadow = Paint(colour(0, 0, 0), 0.03 * head.unit, 0.35, None, brush.skin)
    fill(brush.layer, np.concatenate((back, front[::-1])) + np.array((0, 0.05 * head.unit)), shadow)
    fill(brush.layer, np.concatenate((back, front[::-1])), _plain(brush, tint * np.float32(0.8)))


def _headscarf(brush: Brush, tint: Colour, rng: np.random.Generator) -> None:
    """Cloth around the face: a ring from the crown to below the chin, folds at the neck."""
    head = brush.head
    height, width = brush.layer.shape[:2]
    light = brush.light * cloth(rng, height, width, period=head.unit * 0.15)
    y = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 30)) / 2
    inner_x, inner_y = np.asarray(head.half_width(y)) * 0.86, y * 0.90 + 0.035
    inner = np.concatenate((head.project(inner_x, inner_y), head.project(-inner_x, inner_y)[::-1]))
    hole = np.concatenate((inner, inner[:1]))
    skull = head.skull(0.075)
    start = skull[:1]
    # One polygon with a bridge to the hole: even-odd filling leaves the face free.
    paint = _plain(brush, tint, light)
    fill(brush.layer, np.concatenate((skull, start, hole, start)), paint)
    drape_x = np.array((0.34, 0.42, 0.40, 0.22))
    drape_y = np.array((0.20, 0.46, 0.72, 0.84))
    chin = head.project(np.array((-0.26, -0.15, 0, 0.15, 0.26)), np.array((0.36, 0.465, 0.495, 0.465, 0.36)), 0.02)
    drape = np.concatenate((head.plane(drape_x, drape_y)[::1], head.plane(-drape_x, drape_y)[::-1], chin))
    fill(brush.layer, drape, paint)
    fold = _plain(brush, tint * np.float32(0.6))
    for level in (0.57, 0.66, 0.75):
        x = np.linspace(-0.3, 0.3, 7)
        stroke(brush.layer, head.plane(x, level + 0.05 * np.cos(x * 5)), 0.012 * head.unit, fold)


def _helmet(brush: Brush, tint: Colour) -> None:
    head = brush.head
    dome = _dome(brush, -0.24, 0.075, 0.15)
    fill(brush.layer, np.concatenate((dome, _front_rim(brush, -0.24, 0.02, 0.075))), _plain(brush, tint))
    ridge = np.concatenate(
        (
            head.plane((-0.045, 0.045), (-0.645, -0.645), -0.1),
            head.project((0.055, -0.055), (-0.25, -0.25), 0.08),
        )
    )
    fill(brush.layer, ridge, _plain(brush, tint * np.float32(1.15)))
    upper, lower = _front_rim(brush, -0.265, 0.02, 0.13), _front_rim(brush, -0.235, 0.075, 0.13)
    shadow = Paint(colour(0, 0, 0), 0.025 * head.unit, 0.35, None, brush.skin)
    fill(brush.layer, np.concatenate((upper, lower[::-1])) + np.array((0, 0.05 * head.unit)), shadow)
    fill(brush.layer, np.concatenate((upper, lower[::-1])), _plain(brush, tint * np.float32(0.82)))
