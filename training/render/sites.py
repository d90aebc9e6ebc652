"""Building sites without people: sky or walls, buildings in their shells, scaffolding, cranes, machines, material."""

from dataclasses import dataclass

import numpy as np

from training.render.canvas import Paint, Points, ellipse, fill, smooth_path, stroke
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
class Site:
    """A place to work at.

    Attributes:
        picture: height x width x 3.
        horizon: its row; people as tall as the camera is high have their eyes there.
        foot: the row at which the ground begins.
        floors: scaffold boards on which people can stand, as (left, right, row) in pixels.
        storey: height of a scaffold's storey in pixels.
    """

    picture: Field
    horizon: float
    foot: float
    floors: tuple[tuple[float, float, float], ...]
    storey: float


def building_site(rng: Random, height: int, width: int) -> Site:
    """Open ground before buildings, or the foot of a wall."""
    horizon = float(height * rng.uniform(0.25, 0.62))
    canvas = _sky(rng, height, width)
    floors: list[tuple[float, float, float]] = []
    storey = float(height * rng.uniform(0.16, 0.3))
    near_wall = rng.random() < 0.4
    if near_wall:
        foot = float(min(0.92 * height, horizon + rng.uniform(0.05, 0.3) * height))
        _wall(rng, canvas, foot)
    else:
        foot = horizon
        for _ in range(int(rng.integers(1, 4))):
            _shell(rng, canvas, horizon)
        if rng.random() < 0.55:
            _crane(rng, canvas, horizon)
    _earth(rng, canvas, foot)
    if rng.random() < 0.65:
        floors = _scaffold(rng, canvas, foot + rng.uniform(0, 0.03) * height, storey)
    if not near_wall and rng.random() < 0.45:
        _digger(rng, canvas, horizon)
    for _ in range(int(rng.integers(1, 6))):
        _material(rng, canvas, foot)
    return Site(canvas, horizon, foot, tuple(floors), storey)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array(((left, top), (right, top), (right, bottom), (left, bottom)))


def _concrete(rng: Random) -> Colour:
    return np.asarray(rng.uniform(0.42, 0.68) * (1 + rng.normal(0, 0.03, 3)), np.float32)


def _sky(rng: Random, height: int, width: int) -> Field:
    if rng.random() < 0.55:
        canvas = vertical_gradient(colour(0.38, 0.58, 0.86), colour(0.82, 0.89, 0.95), height, width)
    else:
        grey = rng.uniform(0.68, 0.9)
        canvas = vertical_gradient(colour(grey, grey, grey + 0.02), colour(0.86, 0.87, 0.88), height, width)
    clouds = fractal_noise(rng, height, width, (max(2, height // 4), max(2, height // 10)))
    share = np.clip(0.45 * clouds - rng.uniform(-0.2, 0.5), 0, 0.7).astype(np.float32)[..., None]
    canvas += (colour(0.95, 0.95, 0.95) - canvas) * share
    return canvas


def _wall(rng: Random, canvas: Field, foot: float) -> None:
    """A wall of brick, concrete panels or boards across the picture, with openings."""
    height, width = canvas.shape[:2]
    top = int(rng.uniform(0, 0.25) * foot) if rng.random() < 0.5 else 0
    rows = int(foot) - top
    dirt = 1 + np.float32(0.05) * fractal_noise(rng, rows, width, (max(2, height // 6), max(2, height // 25)))
    kind = rng.random()
    if kind < 0.45:
        tint = colour(0.58, 0.31, 0.22) if rng.random() < 0.7 else colour(0.62, 0.56, 0.48)
        face = tint * (bricks(rng, rows, width, max(3, round(height * rng.uniform(0.018, 0.04)))) * dirt)[..., None]
    elif kind < 0.8:
        face = np.broadcast_to(_concrete(rng), (rows, width, 3)) * dirt[..., None]
    else:
        face = colour(0.66, 0.52, 0.34) * (planks(rng, rows, width, max(4, height // 18)) * dirt)[..., None]
    canvas[top : top + rows] = face
    if 0.45 <= kind < 0.8:
        _panels(rng, canvas, top, foot)
    for _ in range(int(rng.integers(0, 3))):
        wide, tall = rng.uniform(0.1, 0.22) * width, rng.uniform(0.14, 0.3) * height
        left, upper = rng.uniform(0, width - wide), rng.uniform(top, max(top + 1.0, foot - 1.1 * tall))
        dark = Paint(colour(0.12, 0.12, 0.13) * np.float32(rng.uniform(0.5, 2.0)))
        fill(canvas, _rectangle(left - 2, upper - 2, left + wide + 2, upper + tall + 2), Paint(_concrete(rng)))
        fill(canvas, _rectangle(left, upper, left + wide, upper + tall), dark)


def _panels(rng: Random, canvas: Field, top: float, foot: float) -> None:
    """The joints between concrete panels, and the holes of their anchors."""
    height, width = canvas.shape[:2]
    joint, step = Paint(colour(0.28, 0.28, 0.28), 0.5, 0.7), rng.uniform(0.2, 0.4) * height
    for y in np.arange(foot - step, top, -step):
        stroke(canvas, np.array(((0, y), (width, y))), max(0.8, 0.005 * height), joint)
    for x in np.arange(rng.uniform(0, step), width, step):
        stroke(canvas, np.array(((x, top), (x, foot))), max(0.8, 0.005 * height), joint)
        for y in np.arange(foot - step / 2, top, -step):
            fill(canvas, ellipse((float(x + step / 2), float(y)), (0.008 * height, 0.008 * height), points=8), joint)


def _shell(rng: Random, canvas: Field, horizon: float) -> None:
    """A building of bare slabs and columns, its floors dark, reinforcement standing out of its top."""
    height, width = canvas.shape[:2]
    wide, storeys = rng.uniform(0.25, 0.7) * width, int(rng.integers(2, 6))
    left, storey = rng.uniform(-0.2, 0.8) * width, height * rng.uniform(0.07, 0.16)
    tint, slab = _concrete(rng) * np.float32(rng.uniform(0.8, 1.15)), 0.16 * storey
    top = horizon - storeys * storey
    fill(canvas, _rectangle(left, top, left + wide, horizon + 2), Paint(tint * np.float32(0.38)))
    columns = left + np.linspace(0.01, 0.99, int(rng.integers(3, 7))) * wide
    for number in range(storeys + 1):
        y = horizon - number * storey
        fill(canvas, _rectangle(left - 0.02 * wide, y - slab, left + 1.02 * wide, y), Paint(tint))
    for x in columns:
        fill(canvas, _rectangle(x - 0.4 * slab, top, x + 0.4 * slab, horizon), Paint(tint * np.float32(0.92)))
        for shift in (-0.3, 0.0, 0.3):
            bar = np.array(((x + shift * slab, top), (x + shift * slab, top - rng.uniform(0.2, 0.5) * storey)))
            stroke(canvas, bar, max(0.5, 0.003 * height), Paint(colour(0.36, 0.22, 0.16)))
    if rng.random() < 0.4:
        first = horizon - storey * rng.integers(1, storeys + 1)
        net = Paint((colour(0.2, 0.45, 0.3), colour(0.2, 0.35, 0.6))[int(rng.integers(2))], 0.6, 0.65)
        fill(canvas, _rectangle(left, first, left + wide * rng.uniform(0.3, 1), first + storey), net)


def _crane(rng: Random, canvas: Field, horizon: float) -> None:
    """A tower crane: lattice mast, jib, counterweight, rope and hook."""
    height, width = canvas.shape[:2]
    tint = (colour(0.90, 0.70, 0.10), colour(0.82, 0.22, 0.15), colour(0.85, 0.85, 0.85))[int(rng.integers(3))]
    paint, thick = Paint(tint * np.float32(0.9), 0.5), max(0.7, 0.006 * height)
    x, top = rng.uniform(0.1, 0.9) * width, rng.uniform(0.04, 0.22) * horizon
    half, side = 0.012 * height, 1 if rng.random() < 0.5 else -1
    for offset in (-half, half):
        stroke(canvas, np.array(((x + offset, horizon), (x + offset, top))), thick, paint)
    zigzag = np.arange(horizon, top, -2.4 * half)
    stroke(canvas, np.column_stack((x + half * (-1.0) ** np.arange(len(zigzag)), zigzag)), 0.7 * thick, paint)
    reach = rng.uniform(0.3, 0.6) * width * side
    for rise in (0.0, -1.8 * half):
        stroke(canvas, np.array(((x - 0.3 * reach, top + rise), (x + reach, top + 0.6 * rise))), thick, paint)
    peak = (x, top - 5 * half)
    for end in (x + 0.75 * reach, x - 0.28 * reach):
        stroke(canvas, np.array((peak, (end, top - half))), 0.6 * thick, paint)
    weight = x - 0.27 * reach
    fill(canvas, _rectangle(weight - 2 * half, top, weight + 2 * half, top + 3 * half), Paint(colour(0.35, 0.35, 0.35)))
    rope, low = x + rng.uniform(0.4, 0.9) * reach, top + rng.uniform(0.2, 0.6) * (horizon - top)
    stroke(canvas, np.array(((rope, top), (rope, low))), max(0.5, 0.4 * thick), Paint(colour(0.2, 0.2, 0.2)))
    fill(canvas, _rectangle(rope - half, low, rope + half, low + 1.5 * half), Paint(colour(0.25, 0.25, 0.25)))


def _earth(rng: Random, canvas: Field, foot: float) -> None:
    """Soil, gravel or a concrete slab, with ruts or puddles."""
    height, width = canvas.shape[:2]
    first = int(foot)
    rows = height - first
    palette = (colour(0.55, 0.44, 0.31), colour(0.62, 0.56, 0.47), colour(0.58, 0.58, 0.57), colour(0.45, 0.34, 0.24))
    tint = palette[int(rng.integers(4))] * np.float32(rng.uniform(0.8, 1.15))
    rough = 1 + 0.09 * fractal_noise(rng, rows, width, (max(2, height // 12), max(2, height // 40)))
    rough += 0.06 * grain(rng, rows, width, across=2, along=1 if height < 160 else 2)
    canvas[first:] = tint * rough[..., None]
    for _ in range(int(rng.integers(0, 4))):
        y = first + rng.uniform(0.1, 0.9) * rows
        if rng.random() < 0.5:
            puddle = ellipse((float(rng.uniform(0, width)), float(y)), (rng.uniform(0.06, 0.2) * width, 0.02 * height))
            fill(canvas, puddle, Paint(colour(0.52, 0.54, 0.58), 0.01 * height, 0.6))
        else:
            rut = np.array(((-5, y), (0.4 * width, y + rng.normal(0, 0.04) * height), (width + 5, y)))
            stroke(
                canvas,
                smooth_path(rut, closed=False),
                0.02 * height,
                Paint(tint * np.float32(0.7), 0.006 * height, 0.7),
            )


def _scaffold(rng: Random, canvas: Field, foot: float, storey: float) -> list[tuple[float, float, float]]:
    """Tubes, boards, rails and braces; returns its boards as (left, right, row)."""
    height, width = canvas.shape[:2]
    bay = height * rng.uniform(0.18, 0.34)
    left = rng.uniform(-0.2, 0.45) * width
    bays = int(rng.integers(1, max(2, int((width * 1.15 - left) / bay) + 1)))
    right, levels = left + bays * bay, int(rng.integers(1, max(2, int(foot / storey) + 1)))
    steel = colour(0.58, 0.60, 0.62) if rng.random() < 0.75 else colour(0.75, 0.45, 0.12)
    thick = max(0.9, 0.009 * height)
    tube, bright = Paint(steel * np.float32(0.72), 0.5), Paint(np.minimum(steel * np.float32(1.3), 1), 0.5)
    top = foot - levels * storey - 0.35 * storey
    floors = []
    for level in range(1, levels + 1):
        y = foot - level * storey
        board = colour(0.62, 0.48, 0.30) * np.float32(rng.uniform(0.75, 1.1))
        fill(canvas, _rectangle(left, y - 0.012 * height, right, y + 0.012 * height), Paint(board))
        stroke(canvas, np.array(((left, y + 0.013 * height), (right, y + 0.013 * height))), thick, Paint(board * 0.5))
        stroke(canvas, np.array(((left, y - 0.3 * storey), (right, y - 0.3 * storey))), 0.7 * thick, tube)
        floors.append((float(left), float(right), float(y)))
    for number in range(bays):
        x, level = left + number * bay, int(rng.integers(0, levels))
        ends = np.array(((x, foot - level * storey), (x + bay, foot - (level + 1) * storey)))
        if rng.random() < 0.7:
            stroke(canvas, ends, 0.7 * thick, tube)
    for x in left + bay * np.arange(bays + 1):
        stroke(canvas, np.array(((x, foot), (x, top))), thick, tube)
        stroke(canvas, np.array(((x - 0.2 * thick, foot), (x - 0.2 * thick, top))), 0.35 * thick, bright)
    return floors


def _digger(rng: Random, canvas: Field, horizon: float) -> None:
    """An excavator: tracks, cab, counterweight, boom, stick and bucket."""
    height, width = canvas.shape[:2]
    size, side = height * rng.uniform(0.12, 0.24), 1 if rng.random() < 0.5 else -1
    foot = np.array((rng.uniform(0.15, 0.85) * width, horizon + rng.uniform(0.03, 0.12) * height))
    yellow = colour(0.93, 0.70, 0.10) * np.float32(rng.uniform(0.8, 1.05))

    def part(points: tuple[tuple[float, float], ...], tint: Colour) -> None:
        fill(canvas, foot + np.array(points) * (side * size, -size), Paint(tint, 0.6))

    part(((-0.6, 0.0), (0.6, 0.0), (0.68, 0.12), (0.6, 0.24), (-0.6, 0.24), (-0.68, 0.12)), colour(0.13, 0.13, 0.13))
    part(((-0.65, 0.28), (0.5, 0.28), (0.5, 0.55), (-0.65, 0.62)), yellow)
    part(((0.05, 0.5), (0.48, 0.5), (0.42, 0.98), (0.1, 0.98)), yellow * np.float32(0.8))
    part(((0.12, 0.62), (0.42, 0.62), (0.38, 0.92), (0.15, 0.92)), colour(0.25, 0.32, 0.38))
    rise = rng.uniform(0.9, 1.4)
    arm = foot + np.array(((0.4, 0.45), (0.85, rise), (1.35, 0.75 * rise), (1.5, 0.25))) * (side * size, -size)
    for number in range(3):
        stroke(canvas, arm[number : number + 2], (0.15 - 0.03 * number) * size, Paint(yellow * np.float32(0.9)))
    part(((1.4, 0.32), (1.62, 0.3), (1.55, 0.02), (1.3, 0.08)), colour(0.2, 0.2, 0.2))


def _material(rng: Random, canvas: Field, foot: float) -> None:
    """Boards, pallets of blocks, pipes, a heap, cones, a barrier."""
    height, width = canvas.shape[:2]
    depth = rng.uniform(0.0, 0.9)
    x, y = rng.uniform(0, width), foot + depth * (height - foot)
    size = height * (0.05 + 0.16 * depth) * rng.uniform(0.6, 1.3)
    kind = int(rng.integers(5))
    if kind == 0:
        heap = np.array(((x - 1.6 * size, y), (x - 0.8 * size, y - 0.6 * size), (x, y - size), (x + 1.7 * size, y)))
        fill(canvas, heap, Paint(colour(0.60, 0.50, 0.36) * np.float32(rng.uniform(0.6, 1.2)), 0.02 * height))
    elif kind == 1:
        for row in range(3):
            for column in range(4):
                left, low = x + (0.5 * column - 1) * size, y - 0.3 * row * size
                tint = colour(0.66, 0.62, 0.58) * np.float32(rng.uniform(0.75, 1.1))
                fill(canvas, _rectangle(left, low - 0.27 * size, left + 0.46 * size, low), Paint(tint))
    elif kind == 2:
        for _ in range(5):
            tint = colour(0.68, 0.53, 0.33) * np.float32(rng.uniform(0.7, 1.1))
            ends = np.array(((-1.5, rng.normal(0, 0.08)), (1.5, rng.normal(0, 0.08)))) * size + (
                x,
                y - rng.uniform(0, 0.4) * size,
            )
            stroke(canvas, ends, 0.1 * size, Paint(tint))
    elif kind == 3:
        cone = np.array(
            (
                (x - 0.28 * size, y),
                (x + 0.28 * size, y),
                (x + 0.05 * size, y - 0.9 * size),
                (x - 0.05 * size, y - 0.9 * size),
            )
        )
        fill(canvas, cone, Paint(colour(0.93, 0.36, 0.08)))
        fill(
            canvas,
            _rectangle(x - 0.17 * size, y - 0.5 * size, x + 0.17 * size, y - 0.32 * size),
            Paint(colour(0.9, 0.9, 0.9)),
        )
    else:
        for number in range(8):
            left = x + (0.4 * number - 1.6) * size
            tint = colour(0.86, 0.16, 0.13) if number % 2 else colour(0.92, 0.92, 0.9)
            fill(canvas, _rectangle(left, y - 0.75 * size, left + 0.4 * size, y - 0.5 * size), Paint(tint))
        for shift in (-1.3, 1.3):
            post = np.array(((x + shift * size, y), (x + shift * size, y - 0.75 * size)))
            stroke(canvas, post, 0.08 * size, Paint(colour(0.3, 0.3, 0.3)))
