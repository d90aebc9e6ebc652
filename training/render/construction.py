"""Building sites with people, labelled helmet, head and person as in the Hard Hat Worker set: one to five of them near,
others far away or on scaffolds, with hard hats of five colours or bare heads.

A helmet's box is the hat's own outline; a head's box is that of a bare head, since each person has one of the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.render.camera import photograph, random_camera
from training.render.canvas import Paint, compose, ellipse, fill
from training.render.head import Light
from training.render.materials import Field, Random, colour
from training.render.scenes import random_light
from training.render.sites import Site, building_site
from training.render.solids import diffuse, highlight
from training.render.tubes import Camera3, Relief, Tube, side_view
from training.render.worker import Worker, random_worker
from training.render.workers import HEAD, Part, worker_colours, worker_tubes

_SMALL = 128
"""Sides in pixels up to which scenes are painted twice as large and reduced by area."""
_DETAIL = 14.0
"""Height of a head in painted pixels from which on it has a face."""
_HIDDEN, _HARD = 0.6, 0.4
"""Hidden shares from which on something has no box, or is marked difficult."""
_LEAST_SEEN = 3.0
"""Least width and height of a box in pixels."""
_HELMETED = 0.72


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where somebody stands: feet and height in pixels of the canvas; `yaw` as in `side_view`."""

    x: float
    feet: float
    size: float
    yaw: float


@dataclass(frozen=True, slots=True)
class _Painted:
    """What is seen of one person: by label, a mask in a window of the canvas, at its upper left corner, and a box."""

    left: int
    top: int
    masks: dict[str, NDArray[np.bool_]]
    boxes: dict[str, tuple[float, float, float, float]]


def render_construction(seed: int, width: int, height: int) -> tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]:
    """The building site of a seed: the same pixels and boxes on every call and in every process.

    Args:
        seed: 0 or more.
        width: in pixels.
        height: in pixels.

    Returns:
        uint8 height x width x 3, red, green and blue; and boxes labelled helmet, head (bare) and person, cut to the
        picture. What others hide by more than 60 % has no box; by more than 40 % it is `difficult`.
    """
    rng = np.random.default_rng((seed, 0x517E))
    finer = 2 if max(width, height) <= _SMALL else 1
    site = building_site(rng, height * finer, width * finer)
    light = random_light(rng)
    # Bodies are painted with at least four points for each pixel of the finished picture.
    fine = 2 // finer
    people = [
        _paint(site.picture, random_worker(rng, helmet=bool(rng.random() < _HELMETED)), stand, light, fine)
        for stand in _stands(rng, site)
    ]
    pixels = photograph(site.picture, random_camera(rng), rng)
    if finer > 1:
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    seen = (person for person in people if person is not None)
    return pixels, tuple(_labelled(list(seen), site.picture.shape[:2], finer))


def _stands(rng: Random, site: Site) -> list[_Stand]:
    """Where people stand, the farthest first: some far away or on scaffolds, one to five near."""
    height, width = site.picture.shape[:2]
    stands = _far_away(rng, site)
    count = int(rng.choice((1, 2, 3, 4, 5), p=(0.28, 0.28, 0.2, 0.14, 0.1)))
    # The lower the camera, the higher people rise above the horizon.
    eye = rng.uniform(0.55, 0.98)
    typical = np.exp(rng.uniform(np.log(0.36), np.log(1.35 if count < 4 else 0.8)))
    sizes = np.clip(typical * np.exp(rng.normal(0, 0.22, count)), 0.28, 1.7) * height
    near: list[_Stand] = []
    for size in np.sort(sizes):
        feet = max(site.horizon + eye * size, site.foot + 0.015 * height)
        # Heads stay in the picture, whatever that costs in perspective.
        feet = float(np.clip(feet, 1.0 * size + 0.03 * height, 0.86 * size + 0.72 * height))
        for _ in range(8):
            x = float(rng.uniform(0.08, 0.92) * width)
            if all(abs(x - other.x) > 0.26 * size for other in near):
                near.append(_Stand(x, feet, float(size), _yaw(rng)))
                break
    return stands + near


def _yaw(rng: Random) -> float:
    """Mostly towards the camera."""
    return float(np.pi / 2 + rng.normal(0, 0.8))


def _far_away(rng: Random, site: Site) -> list[_Stand]:
    """Small people on the ground behind and on scaffold boards."""
    height, width = site.picture.shape[:2]
    stands = []
    for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.45, 0.25, 0.2, 0.1)))):
        size = height * rng.uniform(0.10, 0.2)
        feet = max(site.horizon + 0.8 * size, site.foot + 0.008 * height)
        stands.append(_Stand(float(rng.uniform(0, width)), float(feet), float(size), _yaw(rng)))
    for left, right, row in site.floors:
        size = 0.8 * site.storey
        if rng.random() < 0.4 and row - 1.05 * size > 0:
            x = rng.uniform(max(0.0, left), min(width, right))
            stands.append(_Stand(float(x), row - 0.006 * height, float(size), float(rng.uniform(0, 2 * np.pi))))
    return sorted(stands, key=lambda stand: stand.size)


def _paint(canvas: Field, worker: Worker, stand: _Stand, light: Light, fine: int) -> _Painted | None:
    """Paint somebody, `fine` times finer, onto the canvas; None where nothing of them is in it."""
    detail = 0.145 * stand.size * fine > _DETAIL
    tubes = worker_tubes(worker, detail=detail)
    turn = side_view(stand.yaw, 0.06)
    window = _window(tubes, turn, stand, canvas.shape)
    if window is None:
        return None
    rows, columns = window
    centre = ((stand.x - columns.start) * fine, (stand.feet - rows.start) * fine)
    size = ((rows.stop - rows.start) * fine, (columns.stop - columns.start) * fine)
    relief = Relief(Camera3(*size, stand.size * fine, centre, turn))
    for tube in tubes:
        relief.paint(tube)
    _ground_shadow(canvas, stand, light)
    layer = _lit(relief, worker, light)
    small = cv2.resize(layer, (size[1] // fine, size[0] // fine), interpolation=cv2.INTER_AREA)
    compose(canvas, np.asarray(small, np.float32), columns.start, rows.start)
    return _traced(relief.role, worker, (columns.start, rows.start), fine)


def _window(
    tubes: Iterable[Tube], turn: NDArray[np.float64], stand: _Stand, shape: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """The rows and columns of the canvas that a body touches."""
    seen = [((tube.knots @ turn.T)[:, :2], tube.radii[:, None]) for tube in tubes]
    low = np.min([(points - radii).min(axis=0) for points, radii in seen], axis=0) * stand.size + (stand.x, stand.feet)
    high = np.max([(points + radii).max(axis=0) for points, radii in seen], axis=0) * stand.size + (stand.x, stand.feet)
    left, top = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    right, bottom = min(shape[1], int(high[0]) + 2), min(shape[0], int(high[1]) + 2)
    return None if right <= left or bottom <= top else (slice(top, bottom), slice(left, right))


def _ground_shadow(canvas: Field, stand: _Stand, light: Light) -> None:
    middle = (stand.x - 0.12 * light.across * stand.size, stand.feet - 0.005 * stand.size)
    shadow = ellipse(middle, (0.2 * stand.size, 0.035 * stand.size), points=20)
    fill(canvas, shadow, Paint(colour(0.08, 0.07, 0.06), 0.018 * stand.size, 0.3 + 0.3 * light.contrast))


def _lit(relief: Relief, worker: Worker, light: Light) -> Field:
    """The body on nothing, in the relief's size, x 4, colours multiplied by the fourth channel."""
    pixels = np.flatnonzero(relief.role >= 0)
    parts = relief.role.ravel()[pixels]
    normals = relief.smooth_normals(pixels, 0.012)
    colours = worker_colours(worker, relief.points(pixels), parts)
    lit = colours * diffuse(normals, light)[:, None]
    # Hard hats are of plastic; skin shines a little.
    gloss = np.where(parts == Part.HELMET, 0.42, np.where(parts == Part.FACE, 0.10, 0.0)).astype(np.float32)
    lit += (gloss * highlight(normals, light, 22) * (0.4 + 0.6 * light.contrast))[:, None]
    layer = np.zeros((relief.role.size, 4), np.float32)
    layer[pixels, :3], layer[pixels, 3] = np.clip(lit, 0, 1), 1
    return layer.reshape(*relief.role.shape, 4)


def _traced(parts: NDArray[np.int8], worker: Worker, corner: tuple[int, int], fine: int) -> _Painted | None:
    """Masks and boxes of a painted person, from the parts in a window at (left, top) that is `fine` times finer."""
    left, top = corner
    named = {"person": (parts >= 0) & (parts != Part.TOOL)}
    named["head" if worker.helmet is None else "helmet"] = np.isin(
        parts, HEAD if worker.helmet is None else (Part.HELMET,)
    )
    masks, boxes = {}, {}
    for label, seen in named.items():
        if seen.any():
            rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
            x_min, y_min = left + columns[0] / fine, top + rows[0] / fine
            x_max, y_max = left + (columns[-1] + 1) / fine, top + (rows[-1] + 1) / fine
            boxes[label] = (float(x_min), float(y_min), float(x_max), float(y_max))
            masks[label] = seen[::fine, ::fine]
    return _Painted(left, top, masks, boxes) if boxes else None


def _labelled(people: list[_Painted], shape: tuple[int, ...], finer: int) -> list[LabelledBox]:
    """The boxes of what is seen, in pixels of the finished picture."""
    covered = np.zeros(shape, np.bool_)
    found: list[LabelledBox] = []
    for person in reversed(people):
        for label, mask in person.masks.items():
            rows = slice(person.top, person.top + mask.shape[0])
            columns = slice(person.left, person.left + mask.shape[1])
            hidden = float((mask & covered[rows, columns]).sum()) / max(1, int(mask.sum()))
            edges = tuple(edge / finer for edge in person.boxes[label])
            x_min, y_min, x_max, y_max = edges
            if hidden <= _HIDDEN and min(x_max - x_min, y_max - y_min) >= _LEAST_SEEN:
                found.append(LabelledBox(label, (x_min, y_min, x_max, y_max), difficult=hidden > _HARD))
        whole = person.masks.get("person")
        if whole is not None:
            covered[person.top : person.top + whole.shape[0], person.left : person.left + whole.shape[1]] |= whole
    return found[::-1]
