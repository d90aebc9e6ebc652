"""Single fruits on pure white, as in Fruits-360: eleven kinds, each turned, lit and ripened differently by its seed.

The paper (section 2.2) took 11 of that data set's 131 classes and does not say which; these are ours.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.fruit_shapes import Shape, shape_of
from training.render.fruit_skins import Skin, skin_of
from training.render.head import Light
from training.render.materials import Field, Random, colour
from training.render.solids import Surface, View, diffuse, enlarged, highlight, noise3, trace

FRUITS = (
    "apple_red",
    "apple_green",
    "banana",
    "orange",
    "lemon",
    "kiwi",
    "plum",
    "peach",
    "strawberry",
    "pear",
    "grape",
)
"""The kinds, in the order of their numbers."""

_FINEST = 192
"""Side in pixels up to which pictures are painted finer and reduced."""
_TRACED = 112
"""Least side in pixels that forms are traced at; they are smooth, and tracing is the dearest part."""


def render_fruit(seed: int, width: int, height: int, kind: int | str) -> NDArray[np.uint8]:
    """The fruit of a seed: the same pixels on every call and in every process.

    Args:
        seed: 0 or more; with the kind it decides form, ripeness, pose and light.
        width: in pixels.
        height: in pixels.
        kind: a name of `FRUITS`, or its number.

    Returns:
        uint8 height x width x 3, red, green and blue; 255 where the fruit is not.

    Raises:
        TrainingError: there is no such kind.
    """
    number = _number(kind)
    rng = np.random.default_rng((seed, number, 0xF207))
    name = FRUITS[number]
    shape = shape_of("apple" if name.startswith("apple") else name, rng)
    finer = max(1, min(2, 2 * _FINEST // max(width, height)))
    view = _view(rng, name, shape, (height * finer, width * finer))
    light = _light(rng)
    surface = _seen(shape, view, max(_TRACED, min(_FINEST, width, height)))
    fruit = _lit(surface, shape, name, light, rng, view)
    return _on_white(fruit, surface, view, (width, height))


def _number(kind: int | str) -> int:
    if isinstance(kind, str) and kind in FRUITS:
        return FRUITS.index(kind)
    if isinstance(kind, int) and 0 <= kind < len(FRUITS):
        return kind
    raise TrainingError(f"there is no fruit {kind!r}; there are {', '.join(FRUITS)}")


def _seen(shape: Shape, view: View, side: int) -> Surface:
    """The fruit's surface, traced with `side` pixels and enlarged."""
    factor = min(view.height, view.width) / side
    if factor <= 1:
        return trace(shape.whole, view, shape.reach)
    coarse = view.reduced(factor)
    return enlarged(trace(shape.whole, coarse, shape.reach), coarse, view)


def _view(rng: Random, name: str, shape: Shape, size: tuple[int, int]) -> View:
    """Any turn in the picture; mostly from the side, sometimes towards the stem or the other end."""
    roll, spin = rng.uniform(0, 2 * np.pi, 2)
    tilt = np.clip(rng.normal(0, 0.5), -1.25, 1.25)
    if name in _FLAT:
        # From its end a banana is a disc, and a bunch hides its stem.
        spin, tilt = rng.normal(0, 0.35) + np.pi * (rng.random() < 0.5), 0.5 * tilt
    turn = _turned(roll, tilt, spin)
    extent = max(shape.extent, 0.86 * shape.top * float(np.cos(tilt)))
    scale = 0.5 * min(size) * rng.uniform(0.8, 0.95) / extent
    middle = turn @ np.array(shape.middle, np.float32)
    shift = rng.normal(0, 0.012, 2) * min(size)
    centre = (size[1] / 2 + shift[0] - scale * middle[0], size[0] / 2 + shift[1] - scale * middle[1])
    return View(*size, float(scale), (float(centre[0]), float(centre[1])), turn)


_FLAT = ("banana", "grape")


def _turned(roll: float, tilt: float, spin: float) -> NDArray[np.float32]:
    """From object to camera: around the stem, towards the viewer, around the line of sight; angles in radians."""
    upright = np.array(((1, 0, 0), (0, 0, -1), (0, 1, 0)), float)
    around = np.array(((np.cos(spin), -np.sin(spin), 0), (np.sin(spin), np.cos(spin), 0), (0, 0, 1)))
    nod = np.array(((1, 0, 0), (0, np.cos(tilt), np.sin(tilt)), (0, -np.sin(tilt), np.cos(tilt))))
    flat = np.array(((np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)))
    return np.asarray(flat @ nod @ upright @ around, np.float32)


def _light(rng: Random) -> Light:
    """A lamp above, to one side."""
    return Light(
        across=float(rng.uniform(-0.8, 0.8)),
        above=float(rng.uniform(0.2, 1.0)),
        contrast=float(rng.uniform(0.35, 0.85)),
        brightness=float(rng.uniform(0.98, 1.2)),
        warmth=float(rng.normal(0, 0.3)),
    )


def _lit(surface: Surface, shape: Shape, name: str, light: Light, rng: Random, view: View) -> Field:
    """The colours of the surface's points under the light, n x 3."""
    skin = skin_of(name, shape, surface, rng)
    if shape.stem is not None:
        skin = _with_stem(skin, surface, shape, name, rng)
    normals = surface.normals
    if skin.bump is not None:
        normals = normals + view.turn @ skin.bump.T
        normals /= np.sqrt((normals**2).sum(axis=0))
    hidden = surface.open_
    edge = 1 - surface.normals[2]
    fresnel = 0.3 + 0.7 * edge**3
    lamp = np.array((1 + 0.07 * light.warmth, 1.0, 1 - 0.09 * light.warmth), np.float32)
    colours = skin.albedo * (diffuse(normals, light) * hidden)[:, None] * lamp
    colours += (skin.down * 0.30 * edge**2 * hidden)[:, None] * (0.4 + 0.6 * skin.albedo)
    shine = highlight(normals, light, skin.sharpness) + 0.25 * highlight(normals, light, skin.sharpness / 6)
    colours += (skin.gloss * hidden * ((0.45 + 0.55 * light.contrast) * shine + 0.1 * fresnel))[:, None] * 0.75
    # Light that the white ground throws back.
    colours += (0.05 * np.maximum(normals[1], 0) * hidden)[:, None] * (0.5 + 0.5 * skin.albedo)
    return np.asarray(colours, np.float32)


def _with_stem(skin: Skin, surface: Surface, shape: Shape, name: str, rng: Random) -> Skin:
    """The skin with stem and leaves in their own colours, which do not shine."""
    assert shape.stem is not None
    wood = rng.uniform(0.8, 1.2) * (
        colour(0.25, 0.46, 0.13) if name in _LEAFY else colour(0.34, 0.23, 0.12) + colour(0.02, 0.08, 0) * rng.random()
    )
    grained = wood * (1 + 0.16 * noise3(surface.points, 13, int(rng.integers(1 << 30))))[:, None]
    pixel = 0.004
    share = np.clip((shape.body(surface.points) - shape.stem(surface.points)) / pixel + 0.5, 0, 1)[:, None]
    bump = None if skin.bump is None else np.asarray(skin.bump * (1 - share), np.float32)
    return replace(skin, albedo=np.asarray(skin.albedo * (1 - share) + grained * share, np.float32), bump=bump)


_LEAFY = ("strawberry", "grape")


def _on_white(fruit: Field, surface: Surface, view: View, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The fruit through a studio camera, reduced to width x height, white around it."""
    picture = np.ones((view.height * view.width, 3), np.float32)
    cover = surface.cover[:, None]
    picture[surface.pixels] = np.clip(fruit, 0, 1) * cover + (1 - cover)
    shaped = picture.reshape(view.height, view.width, 3)
    if (view.width, view.height) != size:
        shaped = np.asarray(cv2.resize(shaped, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.clip(shaped, 0, 1) * 255 + 0.5, np.uint8)
