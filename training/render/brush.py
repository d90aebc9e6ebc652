"""Paints on a head in units of the face, with the head's light and inside the head's silhouette."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from training.render.canvas import Paint, Points, ellipse, fill, smooth_path, stroke
from training.render.head import Head
from training.render.materials import Colour, Field


@dataclass(frozen=True, slots=True)
class Brush:
    """What every part of a head is painted with.

    Attributes:
        layer: height x width x 4, painted on.
        head: the shape and its pose.
        light: height x width, what falls on the face.
        skin: height x width, 0..1, where the head is; features do not leave it.
    """

    layer: Field
    head: Head
    light: Field
    skin: Field

    def paint(self, colour: Colour, soft: float = 0.004, opacity: float = 1.0, *, on_skin: bool = True) -> Paint:
        """A lit paint whose edge is `soft` face heights wide."""
        softness = max(0.7, soft * self.head.unit)
        return Paint(np.minimum(colour, 1), softness, opacity, self.light, self.skin if on_skin else None)

    def shape(self, points: Points, paint: Paint) -> None:
        """Fill a polygon given in layer pixels."""
        fill(self.layer, points, paint)

    def patch(self, x: ArrayLike, y: ArrayLike, paint: Paint, *, out: ArrayLike = 0.0, smooth: bool = False) -> None:
        """Fill a polygon given in units of the face, optionally through a smooth closed curve."""
        points = self.head.project(x, y, out)
        fill(self.layer, smooth_path(points) if smooth else points, paint)

    def line(self, x: ArrayLike, y: ArrayLike, width: float, paint: Paint, *, out: ArrayLike = 0.0) -> None:
        """Draw a smooth open line, `width` face heights thick."""
        points = smooth_path(self.head.project(x, y, out), closed=False)
        stroke(self.layer, points, width * self.head.unit, paint)

    def blob(self, centre: tuple[float, float], radii: tuple[float, float], paint: Paint, *, out: float = 0.0) -> None:
        """Fill an ellipse that lies on the face."""
        points = ellipse(centre, radii, points=24)
        self.patch(points[:, 0], points[:, 1], paint, out=out)

    def side(self, sign: int) -> float:
        """How much the side of the face (-1 left, 1 right) is turned towards the camera, 0..1."""
        return float(np.clip(np.cos(self.head.yaw + sign * 0.9) / np.cos(0.9), 0, 1))
