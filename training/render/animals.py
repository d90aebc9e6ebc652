"""Cows and horses from the side, each on its own ground: standing, walking or grazing, in coats of either kind.

Geometry and coat are drawn independently, so that a classifier of coats and one of forms can be told apart. The shifted
domain (other grounds, light, colour cast and mix of coats) is what a classifier has not seen in training.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.camera import Camera, photograph
from training.render.canvas import Paint, ellipse, fill
from training.render.coats import Coat, colours_of, random_coat
from training.render.grounds import country, lit_country
from training.render.head import Light
from training.render.materials import Field, Random, colour
from training.render.quadruped_plans import Kind, Role
from training.render.quadrupeds import Quadruped, quadruped, random_stance
from training.render.solids import diffuse, highlight
from training.render.tubes import Camera3, Relief, side_view

QUADRUPEDS: tuple[Kind, ...] = ("cow", "horse")
"""The kinds, in the order of their numbers."""

_FINE, _COARSE, _SMALL = 3, 2, 96
"""How much finer than the picture a body is painted, up to a side in pixels and above it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds the seed's animal.

    Attributes:
        coat: the kind whose coats it wears; None: its own.
        shifted: whether the picture is from the other domain.
        light: of the whole scene; None: the seed's, by day.
    """

    coat: Kind | None = None
    shifted: bool = False
    light: Light | None = None


def render_quadruped(
    seed: int, width: int, height: int, kind: Kind, coat: Kind | None = None, shifted: bool = False
) -> NDArray[np.uint8]:
    """The animal of a seed: the same pixels on every call and in every process.

    Args:
        seed: 0 or more; body, stance and place are the same whatever the coat.
        width: in pixels.
        height: in pixels.
        kind: "cow" or "horse".
        coat: the kind whose coats are drawn from; None: its own.
        shifted: other grounds, light, colour cast and mix of coats.

    Returns:
        uint8 height x width x 3, red, green and blue.

    Raises:
        TrainingError: there is no such kind.
    """
    return paint_scene(seed, (width, height), kind, Setting(coat, shifted))


def render_coat(seed: int, width: int, height: int, kind: Kind) -> NDArray[np.uint8]:
    """As `render_quadruped`, but only the coat is of the kind: the body is a cow's or a horse's as the seed decides.

    A classifier of such pictures goes by coats alone, as forms say nothing; translators change coats before forms.
    """
    form = QUADRUPEDS[int(np.random.default_rng((seed, 0xF0)).integers(len(QUADRUPEDS)))]
    return paint_scene(seed, (width, height), form, Setting(coat=kind))


def silhouette(seed: int, width: int, height: int, kind: Kind) -> NDArray[np.bool_]:
    """Where the animal of `render_quadruped` stands: bool height x width, without its shadow.

    A pixel counts if at least half of it is covered.
    """
    return np.asarray(_compose(seed, (width, height), kind, Setting())[1] >= 0.5)


def paint_scene(seed: int, size: tuple[int, int], kind: Kind, setting: Setting) -> NDArray[np.uint8]:
    """As `render_quadruped`, for a size (width, height) in pixels and any light.

    Raises:
        TrainingError: there is no such kind.
    """
    picture, _ = _compose(seed, size, kind, setting)
    lens = _chance(seed, kind, 3)
    return photograph(picture, _lens(lens, size, shifted=setting.shifted), lens)


def _chance(seed: int, kind: Kind, question: int) -> Random:
    """One stream for each question, so that another coat or domain leaves the body as it is."""
    return np.random.default_rng((seed, QUADRUPEDS.index(kind), question, 0xC0))


def _compose(seed: int, size: tuple[int, int], kind: Kind, setting: Setting) -> tuple[Field, Field]:
    """The scene before it is photographed, height x width x 3, and how much of a pixel the animal covers, 0..1."""
    for asked in (kind, setting.coat):
        if asked not in (*QUADRUPEDS, None):
            raise TrainingError(f"there is no animal {asked!r}; there are {', '.join(QUADRUPEDS)}")
    body, wear, place = (_chance(seed, kind, question) for question in range(3))
    width, height = size
    light = setting.light or _daylight(place, shifted=setting.shifted)
    animal = quadruped(kind, random_stance(body, kind), body)
    ground = country(place, height, width, shifted=setting.shifted)
    lit_country(ground.picture, light)
    view, mirrored = _camera(body, animal, size, ground.horizon), bool(body.random() < 0.5)
    # All animals are painted heading right; a mirrored picture must still be lit from where the light says.
    lamp = replace(light, across=-light.across) if mirrored else light
    _cast_shadow(ground.picture, animal, view, lamp)
    coat = random_coat(wear, setting.coat or kind, shifted=setting.shifted)
    layer = _layer(animal, coat, view, lamp)
    picture, cover = ground.picture * (1 - layer[..., 3:]) + layer[..., :3], layer[..., 3]
    if mirrored:
        return np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(cover[:, ::-1])
    return picture, cover


def _daylight(rng: Random, *, shifted: bool) -> Light:
    """Sun and clouds; in the shifted domain a low, warm sun or a dull sky."""
    if not shifted:
        return Light(
            across=float(rng.uniform(-0.9, 0.9)),
            above=float(rng.uniform(0.6, 1.3)),
            contrast=float(rng.uniform(0.25, 0.8)),
            brightness=float(rng.uniform(0.9, 1.1)),
            warmth=float(rng.normal(0.1, 0.15)),
        )
    low = rng.random() < 0.5
    return Light(
        across=float(rng.choice((-1, 1)) * rng.uniform(0.8, 1.6)) if low else float(rng.uniform(-0.3, 0.3)),
        above=float(rng.uniform(0.15, 0.5) if low else rng.uniform(0.8, 1.2)),
        contrast=float(rng.uniform(0.6, 0.95) if low else rng.uniform(0.0, 0.25)),
        brightness=float(rng.uniform(0.72, 0.95)),
        warmth=float(rng.uniform(0.5, 1.1) if low else rng.uniform(-0.8, -0.2)),
    )


def _camera(rng: Random, animal: Quadruped, size: tuple[int, int], horizon: float) -> Camera3:
    """From the side, a little turned, looking down a little; the whole animal is in the picture."""
    width, height = size
    turn = side_view(float(rng.normal(0, 0.22)), float(rng.uniform(0.02, 0.14)))
    low, high = _extent(animal, turn)
    fill_share = rng.uniform(0.74, 0.95)
    scale = fill_share * min(width / (high[0] - low[0]), 0.92 * height / (high[1] - low[1]))
    free_x, free_y = width - scale * (high[0] - low[0]), height - scale * (high[1] - low[1])
    left = free_x * rng.uniform(0.15, 0.85)
    # Feet stand on the ground: below the horizon, whatever that costs in freedom.
    feet = max(height - free_y * rng.uniform(0.1, 0.7), horizon + 0.08 * height)
    centre = (left - scale * low[0], min(feet, 0.985 * height) - scale * high[1])
    return Camera3(height, width, float(scale), (float(centre[0]), float(centre[1])), turn)


def _extent(animal: Quadruped, turn: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest x, y of the animal in camera units."""
    seen = [((tube.knots @ turn.T)[:, :2], tube.radii[:, None]) for tube in animal.tubes]
    low = np.min([(points - radii).min(axis=0) for points, radii in seen], axis=0)
    return low, np.max([(points + radii).max(axis=0) for points, radii in seen], axis=0)


def _cast_shadow(picture: Field, animal: Quadruped, view: Camera3, light: Light) -> None:
    """The animal's shadow on the ground: wide and soft below the trunk, dark where hooves stand."""
    sunny, across = light.contrast, light.across
    feet = np.array([tube.knots[-1] for tube in animal.tubes if tube.role == Role.HOOF])
    middle = view.pixels(np.array(((feet[:, 0].mean() - 0.25 * across, 0.0, 0.0),)))[0]
    broad = view.scale * (0.62 + 0.15 * abs(across))
    wide = ellipse((float(middle[0]), float(middle[1])), (broad, 0.16 * view.scale))
    fill(picture, wide, Paint(_DARK, 0.05 * view.scale, 0.22 + 0.3 * sunny))
    for foot in feet:
        if foot[1] < 0.12:
            x, y = view.pixels(foot[None] * (1, 0, 1))[0]
            spot = ellipse((float(x) - 0.03 * across * view.scale, float(y)), (0.09 * view.scale, 0.03 * view.scale))
            fill(picture, spot, Paint(_DARK, max(0.5, 0.02 * view.scale), 0.5))


_DARK = colour(0.05, 0.05, 0.04)


def _layer(animal: Quadruped, coat: Coat, view: Camera3, light: Light) -> Field:
    """The animal on nothing, height x width x 4, colours multiplied by the fourth channel."""
    finer = _FINE if max(view.height, view.width) <= _SMALL else _COARSE
    relief = Relief(_finer(view, finer))
    for tube in animal.tubes:
        relief.paint(tube)
    pixels = np.flatnonzero(relief.role >= 0)
    roles = relief.role.ravel()[pixels]
    normals = relief.smooth_normals(pixels, 0.035)
    points = relief.points(pixels)
    colours = colours_of(coat, animal, points, roles)
    # Hair scatters light: the lamp's image is wide and weak. Grass throws little light at the belly.
    lit = diffuse(normals, light) * relief.shade.ravel()[pixels] * (1 - 0.22 * np.maximum(normals[1], 0))
    tint = np.array((1 + 0.16 * light.warmth, 1.0, 1 - 0.2 * light.warmth), np.float32)
    sheen = (0.13 * light.contrast * light.brightness * highlight(normals, light, 7))[:, None]
    eyes = (roles == Role.EYE)[:, None] * (0.5 * light.brightness * highlight(normals, light, 30))[:, None]
    layer = np.zeros((relief.role.size, 4), np.float32)
    layer[pixels, :3] = np.clip((colours * lit[:, None] + sheen * (0.3 + colours) + eyes) * tint, 0, 1)
    layer[pixels, 3] = 1
    fine = layer.reshape(*relief.role.shape, 4)
    return np.asarray(cv2.resize(fine, (view.width, view.height), interpolation=cv2.INTER_AREA), np.float32)


def _finer(view: Camera3, factor: int) -> Camera3:
    centre = (view.centre[0] * factor, view.centre[1] * factor)
    return Camera3(view.height * factor, view.width * factor, view.scale * factor, centre, view.turn)


def _lens(rng: Random, size: tuple[int, int], *, shifted: bool) -> Camera:
    """A good camera at home; one with a colour cast, noise and blur in the shifted domain."""
    cast = rng.uniform(0.92, 1.08) * (1 + rng.normal(0, 0.07 if shifted else 0.02, 3))
    blur = rng.uniform(0.0, 0.004 if shifted else 0.0015) * max(size)
    return Camera(
        gamma=float(rng.uniform(0.85, 1.25) if shifted else rng.uniform(0.9, 1.1)),
        gain=(float(cast[0]), float(cast[1]), float(cast[2])),
        blur=float(blur) if blur > 0.2 else 0.0,
        noise=float(rng.uniform(0.01, 0.03) if shifted else rng.uniform(0.002, 0.01)),
    )
