"""Where the parts of a head fall in a picture: an elliptic cylinder that narrows to crown and chin, turned and seen
from far away (parallel projection).

A point of the face is (x, y, out): x and y as seen from the front in shares of the face's height, `out` how far it
stands out of the surface. With half-width w(y) and depth d(y) of the front, the surface point at azimuth t is
(w sin t, y, d cos t). Turned by `yaw` it is seen at R sin(t + psi), R = hypot(w cos yaw, d sin yaw),
psi = atan2(d sin yaw, w cos yaw); what has turned away (|t + psi| > pi/2) is seen on the silhouette.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.render.canvas import Points
from training.render.identity import Identity
from training.render.materials import Field

_ROUNDNESS = 2.35
"""Exponent of the superellipse of the outline: 2 is an ellipse, more is squarer."""


_LEVELS = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 257)) / 2
"""Heights at which width and depth are tabulated, closest at crown and chin, where they change fastest."""


@lru_cache(maxsize=256)
def _width_and_depth(
    face_width: float, jaw: float, cheekbones: float, depth: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half-width and front depth at `_LEVELS`."""
    level = np.minimum(1, np.abs(2 * _LEVELS))
    superellipse = (1 - level**_ROUNDNESS) ** (1 / _ROUNDNESS)
    narrowing = 1 - (1 - jaw) * 0.5 * np.clip(2 * _LEVELS, 0, 1) ** 1.6
    cheek = 1 + 0.03 * cheekbones * np.exp(-(((_LEVELS - 0.06) / 0.12) ** 2))
    ahead = depth * (1 - level**3.2) ** (1 / 3.2)
    return face_width / 2 * superellipse * narrowing * cheek, face_width / 2 * ahead


@dataclass(frozen=True, slots=True)
class Head:
    """A head on a layer, upright; the layer is rolled when it is put into the picture.

    Attributes:
        person: whose head it is.
        yaw, pitch: radians; positive turns to the right of the picture, and down.
        unit: pixels of the face's height.
        centre: x, y of the middle of the face on the layer, in pixels.
    """

    person: Identity
    yaw: float
    pitch: float
    unit: float
    centre: tuple[float, float]

    def half_width(self, y: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Half of the face's width at a height, as seen from the front."""
        return np.asarray(np.interp(y, _LEVELS, self._tables[0]))

    def front_depth(self, y: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the face reaches forward at a height; the chin reaches nearly as far as the cheeks."""
        return np.asarray(np.interp(y, _LEVELS, self._tables[1]))

    @property
    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        person = self.person
        return _width_and_depth(person.face_width, person.jaw, person.cheekbones, person.depth)

    def silhouette(self, y: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Half of the turned head's width at a height."""
        across, ahead = self.half_width(y) * np.cos(self.yaw), self.front_depth(y) * np.sin(self.yaw)
        return np.asarray(np.hypot(across, ahead))

    def project(self, x: ArrayLike, y: ArrayLike, out: ArrayLike = 0.0) -> Points:
        """Layer pixels of points of the face: n x 2."""
        x, y, out = np.asarray(x, float), np.asarray(y, float), np.asarray(out, float)
        width, depth = np.maximum(self.half_width(y), 1e-6), self.front_depth(y)
        on_face = np.clip(x, -width, width)
        azimuth = np.arcsin(on_face / width)
        across, ahead = width * np.cos(self.yaw), depth * np.sin(self.yaw)
        seen = np.clip(azimuth + np.arctan2(ahead, across), -np.pi / 2, np.pi / 2)
        # What lies beyond the outline (hair, hats, ears) keeps its distance from it.
        beyond = (x - on_face) * np.cos(self.yaw)
        right = np.hypot(across, ahead) * np.sin(seen) + out * np.sin(azimuth + self.yaw) + beyond
        down = y * np.cos(self.pitch) + (depth * np.cos(seen) + out) * np.sin(self.pitch)
        return self._pixels(right, down)

    def plane(self, x: ArrayLike, y: ArrayLike, behind: float = 0.0) -> Points:
        """Layer pixels of points of a flat plane through the head's axis, or `behind` it: n x 2."""
        right = np.asarray(x, float) - behind * np.sin(self.yaw)
        down = np.asarray(y, float) * np.cos(self.pitch) - behind * np.sin(self.pitch)
        return self._pixels(right, down)

    def _pixels(self, right: NDArray[np.float64], down: NDArray[np.float64]) -> Points:
        points = np.empty((max(right.size, down.size), 2))
        points[:, 0] = self.centre[0] + self.unit * right
        points[:, 1] = self.centre[1] + self.unit * down
        return points

    def outline(self) -> Points:
        """The face: what lies in front of the ears. Its bounding box is what annotators draw."""
        y = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 40)) / 2
        width = self.half_width(y)
        return np.concatenate((self.project(width, y), self.project(-width, y)[::-1]))

    def skull(self, grow: float = 0.0) -> Points:
        """The whole turned head, with the sides that hair covers; `grow` is added all around."""
        y = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 40)) / 2
        width = self.silhouette(y) + grow
        stretched = y * (1 + 2 * grow)
        return np.concatenate((self.plane(width, stretched), self.plane(-width, stretched)[::-1]))

    def landmarks(self) -> Points:
        """The five points of dlib's order, 5 x 2.

        Outer and inner corner of the eye on the right of the picture, outer and inner corner of the eye on its left,
        base of the nose.
        """
        person = self.person
        rise = person.eye_width * np.tan(person.eye_tilt)
        outer, inner = person.eye_apart + person.eye_width, person.eye_apart - person.eye_width
        x = (outer, inner, -outer, -inner, 0.0)
        y = (person.eye_y - rise, person.eye_y + rise, person.eye_y - rise, person.eye_y + rise, self.nose_base)
        return self.project(x, y, (0, 0, 0, 0, 0.35 * person.nose_height))

    @property
    def nose_base(self) -> float:
        """Height of the point where the nose meets the upper lip."""
        return self.person.eye_y + self.person.nose_length + 0.022


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from and how hard it is; one for all faces of a picture.

    Attributes:
        across: -1 (left) .. 1 (right).
        above: -0.3 (from below) .. 1.
        contrast: 0 (overcast) .. 1 (a lamp).
        brightness: about 1.
        warmth: -1 (blue) .. 1 (orange), of the lit side.
    """

    across: float = 0.15
    above: float = 0.45
    contrast: float = 0.45
    brightness: float = 1.0
    warmth: float = 0.0


def surface_light(head: Head, light: Light, shape: tuple[int, int], relief: Field | None = None) -> Field:
    """Lambert's law on the head: height x width, about 0.3..1.25.

    Args:
        head: the shape that light falls on.
        light: the lamp; a share of the light comes from everywhere.
        shape: height and width of the layer.
        relief: height x width, what stands out of the surface, in pixels.
    """
    y = (np.arange(shape[0], dtype=np.float32) + np.float32(0.5 - head.centre[1])) / np.float32(head.unit)
    x = (np.arange(shape[1], dtype=np.float32) + np.float32(0.5 - head.centre[0])) / np.float32(head.unit)
    reach = np.maximum(head.silhouette(np.clip(y, -0.47, 0.47)), 0.12).astype(np.float32)
    across = np.clip(x[None, :] / reach[:, None], -1, 1) * np.float32(0.92)
    down = np.clip(y, -0.7, 0.7)[:, None] * np.float32(1.1)
    if relief is not None:
        across = across - cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        down = down - cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    towards = np.sqrt(np.maximum(1 - (np.minimum(np.abs(across), 0.97)) ** 2, 0.05))
    length = np.sqrt(across**2 + down**2 + towards**2)
    lamp = np.array((light.across, -light.above, 0.8))
    lamp /= np.linalg.norm(lamp)
    facing = (across * lamp[0] + down * lamp[1] + towards * lamp[2]) / length
    # Wrapped around the edge a little, as light that has gone through skin is.
    diffuse = np.maximum((facing + 0.25) / 1.25, 0)
    ambient = 1 - 0.75 * light.contrast
    edge = 0.82 + 0.18 * towards
    return np.asarray(light.brightness * (ambient + (1 - ambient) * 1.15 * diffuse) * edge, np.float32)
