"""Bodies put together from bent tubes: limbs, trunks, necks. Each pixel keeps the nearest point, its normal and part.

Cheaper than following rays (`training.render.solids`), and enough for what has no hollows. Body coordinates are x
forwards, y up, z to the body's right, in any unit; camera coordinates have the same unit: x goes right, y down, z
towards the viewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points, smooth_path
from training.render.materials import Field
from training.render.solids import Points3

_NOTHING = np.float32(-1e3)
"""Depth of pixels without a body."""
_STEPS, _PIECE = 4, 8.0
"""Pieces between two knots at most, and the least length of one in pixels."""


@dataclass(frozen=True, slots=True)
class Tube:
    """One part of a body.

    Attributes:
        knots: k x 3, the middle line in body coordinates.
        radii: k.
        role: what it is made of, a number of the caller's.
        blend: over which difference of depth it melts into what it touches; 0: a hard edge.
        shade: factor of its light: below 1 for what is behind.
        flat: its thickness towards the viewer as a share of its radius.
        cut: a plane x, y, z, offset in body coordinates; only what lies on its positive side is there.
    """

    knots: NDArray[np.float64]
    radii: NDArray[np.float64]
    role: int = 0
    blend: float = 0.04
    shade: float = 1.0
    flat: float = 1.0
    cut: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Camera3:
    """A parallel view: `turn` is 3 x 3 from body to camera coordinates, `scale` pixels for a unit, `centre` x, y."""

    height: int
    width: int
    scale: float
    centre: tuple[float, float]
    turn: NDArray[np.float64]

    def pixels(self, points: NDArray[np.float64]) -> Points:
        """Where body points, n x 3, are in the picture: n x 2."""
        return np.asarray((points @ self.turn.T)[:, :2] * self.scale + self.centre)


def side_view(yaw: float, pitch: float) -> NDArray[np.float64]:
    """The turn of a camera that sees a body from its right side, heading right.

    Args:
        yaw: radians by which its head comes towards the camera.
        pitch: radians by which the camera looks down.
    """
    around = np.array(((np.cos(yaw), 0, -np.sin(yaw)), (0, 1, 0), (np.sin(yaw), 0, np.cos(yaw))))
    down = np.array(((1, 0, 0), (0, -np.cos(pitch), np.sin(pitch)), (0, np.sin(pitch), np.cos(pitch))))
    return np.asarray(down @ around)


class Relief:
    """What a camera sees of the tubes painted so far.

    Attributes:
        depth: height x width, towards the viewer, in units.
        normals: 3 x height x width, in camera coordinates.
        role: height x width, the number of the part in front; -1 where there is none.
        shade: height x width, factor of the light.
    """

    def __init__(self, camera: Camera3) -> None:
        self.camera = camera
        shape = (camera.height, camera.width)
        self.depth = np.full(shape, _NOTHING, np.float32)
        self.normals = np.zeros((3, *shape), np.float32)
        self.role = np.full(shape, -1, np.int8)
        self.shade = np.ones(shape, np.float32)
        self._x = ((np.arange(camera.width) + 0.5 - camera.centre[0]) / camera.scale).astype(np.float32)
        self._y = ((np.arange(camera.height) + 0.5 - camera.centre[1]) / camera.scale).astype(np.float32)

    def paint(self, tube: Tube) -> None:
        """Add a tube."""
        line = np.column_stack((tube.knots @ self.camera.turn.T, tube.radii))
        # Pieces shorter than some pixels do not make a curve smoother.
        apart = self.camera.scale * float(np.hypot(*np.diff(line[:, :2], axis=0).T).max())
        steps = min(_STEPS, round(apart / _PIECE))
        if len(line) > 2 and steps > 1:
            line = _smoothed(line, steps)
        ends = line.tolist()
        window = self._window(ends)
        if window is None:
            return
        own = np.zeros((3, window[0].stop - window[0].start, window[1].stop - window[1].start), np.float32)
        own[0] = _NOTHING
        for start, end in pairwise(ends):
            self._piece(own, window, (start, end), tube.flat)
        self._merge(own, window, tube)

    def smooth_normals(self, pixels: NDArray[np.intp], reach: float) -> Points3:
        """The normals at some pixels (flat indices), averaged within about `reach` units: 3 x n, of unit length.

        Tubes are made of straight pieces; light would show where they meet.
        """
        side = 2 * round(0.5 * reach * self.camera.scale) + 1
        values = np.ascontiguousarray(self.normals.transpose(1, 2, 0))
        for _ in range(2):
            values = np.asarray(cv2.blur(values, (side, side)), np.float32)
        smooth = values.reshape(-1, 3)[pixels].T
        return np.asarray(smooth / np.maximum(np.sqrt((smooth**2).sum(axis=0)), 1e-6), np.float32)

    def points(self, pixels: NDArray[np.intp]) -> Points3:
        """Body coordinates of the points seen at some pixels (flat indices): 3 x n."""
        row, column = np.divmod(pixels, self.camera.width)
        seen = np.stack((self._x[column], self._y[row], self.depth.ravel()[pixels]))
        return np.asarray(self.camera.turn.T.astype(np.float32) @ seen, np.float32)

    def _window(self, ends: Sequence[Sequence[float]]) -> tuple[slice, slice] | None:
        """The rows and columns that points with radii, each (x, y, z, radius), cover."""
        scale, (middle_x, middle_y) = self.camera.scale, self.camera.centre
        left = max(0, floor(min(end[0] - end[3] for end in ends) * scale + middle_x))
        top = max(0, floor(min(end[1] - end[3] for end in ends) * scale + middle_y))
        right = min(self.camera.width, ceil(max(end[0] + end[3] for end in ends) * scale + middle_x) + 1)
        bottom = min(self.camera.height, ceil(max(end[1] + end[3] for end in ends) * scale + middle_y) + 1)
        return None if right <= left or bottom <= top else (slice(top, bottom), slice(left, right))

    def _piece(self, own: Field, window: tuple[slice, slice], ends: Sequence[Sequence[float]], flat: float) -> None:
        """Add a straight piece between two points, each (x, y, z, radius), to a tube's own depth and normals."""
        part = self._window(ends)
        if part is None:
            return
        (x0, y0, z0, r0), (x1, y1, z1, r1) = ends
        local = own[
            :,
            part[0].start - window[0].start : part[0].stop - window[0].start,
            part[1].start - window[1].start : part[1].stop - window[1].start,
        ]
        x, y = self._x[None, part[1]] - x0, self._y[part[0], None] - y0
        way_x, way_y = x1 - x0, y1 - y0
        length = max(way_x**2 + way_y**2, 1e-9)
        share = x * (way_x / length) + y * (way_y / length)
        np.minimum(np.maximum(share, 0, out=share), 1, out=share)
        off_x, off_y = x - share * way_x, y - share * way_y
        radius = r0 + share * (r1 - r0)
        rest = radius * radius - off_x * off_x - off_y * off_y
        high = z0 + share * (z1 - z0) + flat * np.sqrt(np.maximum(rest, 0))
        nearer = (rest > 0) & (high > local[0])
        # A tube that widens along its way faces back along it.
        back = (r1 - r0) / max(length, (r1 - r0) ** 2)
        values = (high, off_x / radius - back * way_x, off_y / radius - back * way_y)
        for axis, value in enumerate(values):
            np.copyto(local[axis], value, where=nearer)

    def _kept(
        self, depth: Field, window: tuple[slice, slice], cut: tuple[float, float, float, float]
    ) -> NDArray[np.bool_]:
        """Where a surface of some depths lies on the positive side of a plane."""
        across, down, towards = (self.camera.turn @ cut[:3]).tolist()
        height = across * self._x[None, window[1]] + down * self._y[window[0], None] + towards * depth
        return np.asarray(height > cut[3])

    def _merge(self, own: Field, window: tuple[slice, slice], tube: Tube) -> None:
        """Put a tube's own surface (depth, and its normals' x and y) in front of, behind or into what is there."""
        depth, before = own[0], self.depth[window]
        soft = np.float32(max(tube.blend, 1e-4))
        share = np.clip(0.5 + 0.5 * (depth - before) / soft, 0, 1)
        here = depth > _NOTHING
        if tube.cut is not None:
            here &= self._kept(depth, window, tube.cut)
        share *= here
        # Where two surfaces meet, the common one lies a little before both.
        before += (depth - before) * share + soft * share * (1 - share) * (before > _NOTHING)
        towards = np.sqrt(np.maximum(1 - own[1] ** 2 - own[2] ** 2, 0.003))
        for axis, value in enumerate((own[1], own[2], towards)):
            self.normals[axis][window] += (value - self.normals[axis][window]) * share
        self.shade[window] += (np.float32(tube.shade) - self.shade[window]) * share
        self.role[window][share > 0.5] = tube.role


def _smoothed(line: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """A smooth line through points with radii, n x 4."""
    places = smooth_path(line[:, :2], closed=False, steps=steps)
    depths = smooth_path(line[:, 2:], closed=False, steps=steps)
    depths[:, 1] = np.maximum(depths[:, 1], 0.3 * line[:, 3].min())
    return np.concatenate((places, depths), axis=1)
