"""Draws a person's head into a picture, and says exactly where face and landmarks are.

A head is painted upright on a layer of at least twice the final size, then rolled, reduced by area and laid over the
picture with its cover, so no patch has an edge. Sizes are the height of the face, crown to chin, in pixels.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.bodies import Stand, paint_body, paint_neck
from training.render.brush import Brush
from training.render.camera import Camera, photograph
from training.render.canvas import Paint, Points, blank, compose, lay, polygon_cover, window_of
from training.render.eyes import paint_eyes, paint_glasses
from training.render.features import paint_ear, paint_mouth, paint_nose, paint_skin, relief
from training.render.hair import hair_brush, paint_back_hair, paint_beard, paint_front_hair
from training.render.hats import paint_hat
from training.render.head import Head, Light, surface_light
from training.render.identity import Identity
from training.render.look import Look
from training.render.masks import paint_mask
from training.render.materials import Field, fractal_noise
from training.render.props import paint_prop

Edges = tuple[float, float, float, float]

_LEAST_DRAWN = 88
"""Face height in pixels below which details would be drawn finer than cv2 can: smaller faces are reduced more."""
_ROOM = (0.72, 0.80, 1.02)
"""Room on the layer beside, above and below the middle of the face, in face heights."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a head goes: x, y of the middle of its face and the height of the face, in pixels of the picture."""

    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class PaintedFace:
    """Where a face is in the picture, in continuous pixels.

    Attributes:
        box: x_min, y_min, x_max, y_max of the face's outline; may reach outside the picture.
        landmarks: 5 x 2, dlib's order (see `Head.landmarks`).
        outline: n x 2, the polygon of the face.
    """

    box: Edges
    landmarks: NDArray[np.float64]
    outline: Points


@dataclass(frozen=True, slots=True)
class RenderedFace:
    """A portrait: uint8 size x size x 3, red, green and blue, and where the face is in it."""

    pixels: NDArray[np.uint8]
    box: Edges
    landmarks: NDArray[np.float64]


def render_face(person: Identity, look: Look, size: int, *, seed: int = 0, face: float = 0.62) -> RenderedFace:
    """A portrait of a person in front of a coloured, cloudy wall.

    Args:
        person: who.
        look: how they look.
        size: side of the picture in pixels.
        seed: of light, background and sensor noise.
        face: height of the face as a share of the side.
    """
    rng = np.random.default_rng((seed, 0xBACC))
    canvas = _wall(rng, size)
    light = Light(rng.uniform(-0.6, 0.6), rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.6), rng.uniform(0.92, 1.05))
    place = Place(size * (0.5 + rng.normal(0, 0.012)), size * (0.52 + rng.normal(0, 0.012)), size * face)
    painted = paint_person(canvas, person, look, place, light)
    camera = Camera(noise=float(rng.uniform(0.004, 0.015)), blur=0.4, gamma=float(rng.uniform(0.9, 1.1)))
    return RenderedFace(photograph(canvas, camera, rng), painted.box, painted.landmarks)


def _wall(rng: np.random.Generator, size: int) -> Field:
    clouds = fractal_noise(rng, size, size, [max(2, size // part) for part in (4, 8, 16)])
    tint = rng.uniform(0.2, 0.85, 3).astype(np.float32)
    return np.asarray(tint * (1 + np.float32(rng.uniform(0.03, 0.12)) * clouds[..., None]), np.float32)


def paint_person(
    canvas: Field, person: Identity, look: Look, place: Place, light: Light, *, blur: float = 0.0
) -> PaintedFace:
    """Paint body and head into a picture (height x width x 3) and say where the face is.

    `blur` is the standard deviation of a person out of focus, in pixels.
    """
    # A head that leans turns about the neck, not about its middle: the body stands a little to the side.
    stand = Stand(place.x - 0.55 * float(np.sin(look.roll)) * place.size, place.y, place.size, blur)
    paint_body(canvas, person, look.wear, stand, light)
    return paint_head(canvas, person, look, place, light, blur=blur)


def paint_head(
    canvas: Field, person: Identity, look: Look, place: Place, light: Light, *, blur: float = 0.0
) -> PaintedFace:
    """Paint head and neck into a picture."""
    finer = max(2, int(np.ceil(_LEAST_DRAWN / place.size)))
    unit = place.size * finer
    beside, above, below = (2 * int(np.ceil(room * unit / 2)) for room in _ROOM)
    head = Head(person, look.yaw, look.pitch, unit, (float(beside), float(above)))
    layer = head_layer(head, look, light, (above + below, 2 * beside))
    turn = _rolled(head, look, place, finer)
    corners = _through(
        turn, np.array(((0, 0), (2 * beside, 0), (0, above + below), (2 * beside, above + below)), float)
    )
    left, top = (int(value) for value in np.floor(corners.min(axis=0) / finer) - 1)
    right, bottom = (int(value) for value in np.ceil(corners.max(axis=0) / finer) + 1)
    shift = turn.copy()
    shift[:, 2] += turn[:, :2] @ (0.5, 0.5) - 0.5 - np.array((left, top)) * finer
    size = ((right - left) * finer, (bottom - top) * finer)
    turned = cv2.warpAffine(np.ascontiguousarray(layer), shift, size, flags=cv2.INTER_LINEAR)
    small = cv2.resize(turned, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    if blur > 0.2:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    compose(canvas, np.asarray(small, np.float32), left, top)
    outline = _through(turn, head.outline()) / finer
    low, high = outline.min(axis=0), outline.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return PaintedFace(box, _through(turn, head.landmarks()) / finer, outline)


def _rolled(head: Head, look: Look, place: Place, finer: int) -> NDArray[np.float64]:
    """2 x 3: from the layer to the picture enlarged by `finer`."""
    cosine, sine = np.cos(look.roll), np.sin(look.roll)
    linear = np.array(((cosine, -sine), (sine, cosine)))
    shift = np.array((place.x, place.y)) * finer - linear @ np.array(head.centre)
    return np.column_stack((linear, shift))


def _through(matrix: NDArray[np.float64], points: Points) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


def head_layer(head: Head, look: Look, light: Light, shape: tuple[int, int]) -> Field:
    """A head on nothing: height x width x 4, colours multiplied by the fourth channel, the cover."""
    layer = blank(*shape, 4)
    cover = np.zeros(shape, np.float32)
    skull = Paint(head.person.skin, max(0.7, 0.004 * head.unit))
    window = window_of(head.skull(), 3, shape) or (slice(0), slice(0))
    cover[window] = polygon_cover(head.skull(), window, skull.softness)
    smooth, modelled = _lights(head, look, light, shape)
    outer, face = Brush(layer, head, smooth, cover), Brush(layer, head, modelled, cover)
    hair = hair_brush(outer)
    far = 1 if head.yaw > 0 else -1
    wrapped = look.hat == "headscarf"
    if not wrapped:
        paint_back_hair(hair, under_hat=look.hat is not None)
        paint_ear(outer, far)
    paint_neck(outer)
    lay(layer, window, cover[window], replace(skull, light=modelled))
    _paint_face(face, hair, look)
    if look.mask is not None:
        paint_mask(outer, look.mask, look.wear)
    if not wrapped:
        paint_ear(outer, -far)
        paint_front_hair(hair)
    paint_glasses(outer)
    if look.hat is not None:
        paint_hat(outer, look.hat, look.wear)
    if look.occluder is not None:
        paint_prop(outer, look.occluder, look.wear)
    return layer


def _lights(head: Head, look: Look, light: Light, shape: tuple[int, int]) -> tuple[Field, Field]:
    """Light on the smooth head and on the modelled face, each height x width.

    Both change slowly, so they are computed at half the layer's resolution, which is at least the picture's own.
    """
    half = replace(head, unit=head.unit / 2, centre=(head.centre[0] / 2, head.centre[1] / 2))
    small = (shape[0] // 2, shape[1] // 2)
    smooth = surface_light(half, light, small)
    modelled = surface_light(half, light, small, relief(half, look, small))
    return _enlarged(smooth, shape), _enlarged(modelled, shape)


def _enlarged(field: Field, shape: tuple[int, int]) -> Field:
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _paint_face(face: Brush, hair: Brush, look: Look) -> None:
    paint_skin(face)
    paint_eyes(face, look)
    paint_nose(face)
    paint_mouth(face, look)
    paint_beard(hair, look)
