"""Solid bodies in three dimensions: where parallel rays meet a distance field, which way it faces, how it is lit.

Object coordinates are in units of the body (about its radius). Camera coordinates have the same unit: x goes right, y
down, z towards the viewer. Points are float32, 3 x n: each coordinate by itself in memory, which is fastest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.head import Light
from training.render.materials import Field

Points3 = NDArray[np.float32]
Distance = Callable[[Points3], Field]
"""Distance to a surface, negative inside: 3 x n to n. It may be too small anywhere, too large only by a third."""

_STEPS = 60
_CAUTION = np.float32(0.85)
"""Share of the distance that a ray goes on at a step, as fields of bent bodies say too much."""
_GRID = 64
"""Side of the repeated cube of noise."""


@dataclass(frozen=True, slots=True)
class View:
    """A parallel view of a body.

    Attributes:
        height, width: of the picture in pixels.
        scale: pixels for one unit.
        centre: x, y in pixels where the body's origin is.
        turn: 3 x 3, from object to camera coordinates.
    """

    height: int
    width: int
    scale: float
    centre: tuple[float, float]
    turn: NDArray[np.float32]

    def reduced(self, factor: float) -> "View":
        """The same view in a picture smaller by a factor."""
        centre = (self.centre[0] / factor, self.centre[1] / factor)
        size = (round(self.height / factor), round(self.width / factor))
        return View(*size, self.scale / factor, centre, self.turn)

    def rays(self, reach: float) -> tuple[NDArray[np.intp], Points3]:
        """The pixels, as flat indices, whose rays may meet a ball of a radius, and where they enter it: 3 x n."""
        x = (np.arange(self.width, dtype=np.float32) + np.float32(0.5 - self.centre[0])) / np.float32(self.scale)
        y = (np.arange(self.height, dtype=np.float32) + np.float32(0.5 - self.centre[1])) / np.float32(self.scale)
        depth = np.float32(reach**2) - x[None, :] ** 2 - y[:, None] ** 2
        pixels = np.flatnonzero(depth > 0)
        row, column = np.divmod(pixels, self.width)
        return pixels, np.stack((x[column], y[row], np.sqrt(depth.ravel()[pixels])))


@dataclass(frozen=True, slots=True)
class Surface:
    """What is seen of a body, for n pixels of a picture.

    Attributes:
        pixels: n, flat indices.
        cover: n, share of the pixel that the body covers, 0..1.
        points: 3 x n, in object coordinates.
        normals: 3 x n, of unit length, in camera coordinates.
        open_: n, share of the light from everywhere that hollows let through, 0..1.
    """

    pixels: NDArray[np.intp]
    cover: Field
    points: Points3
    normals: Points3
    open_: Field


def trace(distance: Distance, view: View, reach: float) -> Surface:
    """Follow the rays of all pixels to the body, which lies within a ball of radius `reach`."""
    pixels, entry = view.rays(reach)
    back = np.ascontiguousarray(view.turn.T, np.float32)
    start, ahead = back @ entry, -back[:, 2:3]
    length = 2 * entry[2]
    along, nearest = _march(distance, start, ahead, length, 0.15 / view.scale)
    cover = np.clip(0.5 - nearest * np.float32(view.scale), 0, 1)
    seen = cover > 0
    points = (start + ahead * along)[:, seen]
    outwards = _gradient(distance, points)
    normals = view.turn @ outwards
    # A ray that grazes the body stops at its edge, whose normal cannot point away from the viewer.
    normals[2] = np.maximum(normals[2], 0.02)
    normals /= np.sqrt((normals**2).sum(axis=0))
    return Surface(pixels[seen], cover[seen], points, normals, _openness(distance, points, outwards))


def _march(distance: Distance, start: Points3, ahead: Points3, length: Field, tolerance: float) -> tuple[Field, Field]:
    """How far each ray comes, and the least distance to the body on its way: -1 where it meets it."""
    along = np.zeros(start.shape[1], np.float32)
    nearest, at = np.full_like(along, np.inf), along.copy()
    active = np.arange(len(along))
    for _ in range(_STEPS):
        far = distance(start[:, active] + ahead * along[active])
        met = far < tolerance
        closer = far < nearest[active]
        at[active[closer]] = along[active[closer]]
        nearest[active[closer]] = far[closer]
        nearest[active[met]] = -1
        active = active[~met]
        along[active] += _CAUTION * far[~met]
        active = active[along[active] < length[active]]
        if not len(active):
            break
    return at, nearest


def _openness(distance: Distance, points: Points3, outwards: Points3) -> Field:
    """How free the space above each point is: where the body comes near again, light from everywhere is missing."""
    missing = np.zeros(points.shape[1], np.float32)
    for height, weight in ((0.08, 3.0), (0.3, 1.4)):
        free = distance(points + outwards * np.float32(height))
        missing += np.float32(weight) * np.maximum(np.float32(height) - free, 0)
    return np.asarray(np.exp(-missing), np.float32)


def _gradient(distance: Distance, points: Points3) -> Points3:
    step = np.float32(0.012)
    shifts = np.array(((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)), np.float32)
    total = np.zeros_like(points)
    for shift in shifts:
        total += shift[:, None] * distance(points + step * shift[:, None])
    return np.asarray(total / np.maximum(np.sqrt((total**2).sum(axis=0)), 1e-9), np.float32)


def lamp_of(light: Light) -> Points3:
    """The unit vector towards the lamp in camera coordinates: 3."""
    lamp = np.array((light.across, -light.above, 0.9), np.float32)
    return np.asarray(lamp / np.linalg.norm(lamp), np.float32)


def diffuse(normals: Points3, light: Light) -> Field:
    """Lambert's law, wrapped a little around the edge, over light from everywhere: n, about 0.3..1.2."""
    facing = lamp_of(light) @ normals
    lit = np.maximum((facing + 0.4) / 1.4, 0)
    ambient = 0.92 - 0.62 * light.contrast
    # From below comes what the ground throws back, less than the sky.
    sky = 0.88 - 0.12 * normals[1]
    return np.asarray(light.brightness * (ambient * sky + (1 - ambient) * 1.25 * lit), np.float32)


def highlight(normals: Points3, light: Light, sharpness: float) -> Field:
    """Blinn's mirror image of the lamp: n, 0..1."""
    half = lamp_of(light) + np.array((0, 0, 1), np.float32)
    half /= np.linalg.norm(half)
    return np.asarray(np.maximum(half @ normals, 0) ** np.float32(sharpness), np.float32)


@lru_cache(maxsize=2)
def _cube(channels: int) -> Field:
    """Smooth noise of unit deviation that repeats along all three axes: side**3 x channels."""
    cube = np.random.default_rng((channels, 0x3D)).standard_normal((_GRID, _GRID, _GRID, channels)).astype(np.float32)
    for axis in range(3):
        cube = 0.5 * cube + 0.25 * (np.roll(cube, 1, axis) + np.roll(cube, -1, axis))
    return np.asarray((cube / cube.std()).reshape(-1, channels), np.float32)


def noise3(points: Points3, frequency: float, phase: int, channels: int = 1) -> Field:
    """Smooth noise of about unit deviation in space: n, or n x channels where there are several.

    Args:
        points: 3 x n.
        frequency: of the noise, in support points for one unit.
        phase: which part of the endless noise; two phases are independent.
        channels: independent noises.
    """
    cube = _cube(channels)[:, 0] if channels == 1 else _cube(channels)
    offset = np.random.default_rng((phase, 0x0F)).uniform(0, _GRID, 3).astype(np.float32)
    at = points * np.float32(frequency) + offset[:, None]
    floor = np.floor(at)
    share = at - floor
    low = floor.astype(np.int32) & (_GRID - 1)
    high = (low + 1) & (_GRID - 1)
    total = np.zeros((points.shape[1], *cube.shape[1:]), np.float32)
    for corner in range(8):
        index, weight = np.zeros_like(low[0]), np.ones_like(share[0])
        for axis in range(3):
            upper = bool(corner >> axis & 1)
            index = index * _GRID + (high if upper else low)[axis]
            weight = weight * (share[axis] if upper else 1 - share[axis])
        total += np.take(cube, index, axis=0) * (weight if channels == 1 else weight[:, None])
    return total


def enlarged(surface: Surface, view: View, larger: View) -> Surface:
    """The same surface, traced in one view, for a larger picture of it, smoothly interpolated."""
    shape, size = (view.height, view.width), (larger.width, larger.height)
    values = np.concatenate((surface.points, surface.normals, surface.open_[None], np.ones_like(surface.cover)[None]))
    inside, cover = np.zeros((view.height * view.width, 8), np.float32), np.zeros(view.height * view.width, np.float32)
    inside[surface.pixels], cover[surface.pixels] = values.T, surface.cover
    # Outside the body there is nothing to interpolate with: what is at its edge is spread a pixel or two.
    spread = cv2.GaussianBlur(inside.reshape(*shape, 8), (0, 0), 1.2).reshape(-1, 8)
    near = np.where(inside[:, 7:] > 0, inside, spread / np.maximum(spread[:, 7:], 1e-6))[:, :7]
    covered = cv2.resize(cover.reshape(shape), size, interpolation=cv2.INTER_LINEAR).ravel()
    rest = cv2.resize(near.reshape(*shape, 7), size, interpolation=cv2.INTER_LINEAR).reshape(-1, 7)
    pixels = np.flatnonzero(covered > 0)
    points, normals, open_ = rest[pixels, :3].T, rest[pixels, 3:6].T, rest[pixels, 6]
    unit = normals / np.maximum(np.sqrt((normals**2).sum(axis=0)), 1e-6)
    cover = np.asarray(covered[pixels], np.float32)
    return Surface(pixels, cover, np.ascontiguousarray(points), np.ascontiguousarray(unit), open_)
