"""Images with classes that a recipe's renderer makes: rendered once, kept as one file, read back from then on.

An image is a function of its seed, its size and its class. The seeds are those of `training.data.rendered`, so no image
that a model is checked with was ever trained on. Recipes that differ in the number of images alone share a file.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.data.kept import keep, kept
from training.data.processes import in_processes
from training.data.rendered import split_seeds
from training.data.scene_classes import scene_class
from training.errors import TrainingError
from training.recipe import Data

Pixels = NDArray[np.uint8]

CHUNK = 8
"""Images handed to a process at once; one takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class ClassRenderer:
    """Where a renderer is, `version` to be raised when it gives other pixels for a seed.

    Attributes:
        module, function: (seed, width, height, class) to RGB pixels; of a scene (seed, width, height) to RGB pixels and
            boxes, which say the scene's class.
        kinds: the name in `module` of the classes that it can be asked for; "" for scenes.
    """

    module: str
    function: str
    version: int
    kinds: str = ""

    def load(self, name: str) -> Any:
        """Something of the module, imported only now."""
        return getattr(import_module(self.module), name)


class _Images(NamedTuple):
    """What a file holds: pixels (n, height, width, channels) and what `draw` says of each image (n,)."""

    pixels: Pixels
    about: NDArray[np.str_]


RENDERERS = {
    "fruits": ClassRenderer("training.render.fruits", "render_fruit", version=1, kinds="FRUITS"),
    "animals": ClassRenderer("training.render.animals", "render_quadruped", version=1, kinds="QUADRUPEDS"),
    "coats": ClassRenderer("training.render.animals", "render_coat", version=1, kinds="QUADRUPEDS"),
    "day-night": ClassRenderer("training.render.day_night", "render_country", version=1, kinds="TIMES"),
    "construction": ClassRenderer("training.render.construction", "render_construction", version=2),
    "things": ClassRenderer("training.render.things", "render_thing", version=1, kinds="THINGS"),
}
"""By the name that a recipe says in `data.source`."""


def rendered_splits(data: Data, cache: Path) -> ClassifiedSplits:
    """Both splits; what is not in `cache` is rendered first.

    Image i of a split is of class i modulo their number; a scene's class follows from what is in it.

    Args:
        data: source, classes, numbers, size, channels and seed of the images.
        cache: the folder that keeps all rendered sets, each split as one .npz, written whole or not at all; where more
            images are wanted than it has, only those are rendered.

    Raises:
        TrainingError: there is no such renderer or class, seeds reach those of validation, or a kept file is broken.
    """
    if data.source not in RENDERERS:
        raise TrainingError(f"there is no renderer '{data.source}'; there are {', '.join(RENDERERS)}")
    renderer = RENDERERS[data.source]
    known = tuple(renderer.load(renderer.kinds)) if renderer.kinds else data.classes
    for label in data.classes:
        if label not in known:
            raise TrainingError(f"data.classes: '{data.source}' have no class '{label}'; there are {', '.join(known)}")
    return ClassifiedSplits(_split(data, "train", cache), _split(data, "validation", cache))


def draw(data: Data, item: tuple[int, int]) -> tuple[Pixels, str]:
    """One image and what is in it.

    Args:
        data: as for `rendered_splits`.
        item: the image's number in its split, and its seed.

    Returns:
        uint8 (height, width, channels), and its class; of a scene its boxes as JSON, so that recipes which sort scenes
        otherwise share the images.
    """
    number, seed = item
    renderer = RENDERERS[data.source]
    render = renderer.load(renderer.function)
    if renderer.kinds:
        about = data.classes[number % len(data.classes)]
        return in_channels(render(seed, data.width, data.height, about), data.channels), about
    pixels, boxes = render(seed, data.width, data.height)
    return in_channels(pixels, data.channels), json.dumps([(box.label, box.edges) for box in boxes])


def in_channels(pixels: Pixels, channels: int) -> Pixels:
    """RGB (height, width, 3) or grey (height, width) as uint8 (height, width, channels), channels being 1 or 3."""
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], channels, axis=2)
    return pixels if channels == 3 else cast("Pixels", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None])


def _split(data: Data, split: Literal["train", "validation"], cache: Path) -> ClassifiedImages:
    seeds = split_seeds(data, split)
    file = _file(data, seeds.start, cache)
    found = kept(file, _Images._fields)
    images = _Images(_empty(data, 0), np.empty(0, np.str_)) if found is None else _Images(**found)
    if len(images.pixels) < len(seeds):
        more = _rendered(data, seeds, len(images.pixels))
        images = _Images(*(np.concatenate(parts) for parts in zip(images, more, strict=True)))
        keep(file, images._asdict())
    count = len(seeds)
    labels = np.array([_label(data, str(about)) for about in images.about[:count]], np.int64)
    return ClassifiedImages(images.pixels[:count], labels, data.classes, [f"seed {seed}" for seed in seeds])


def _label(data: Data, about: str) -> int:
    """The number of an image's class."""
    if RENDERERS[data.source].kinds:
        return data.classes.index(about)
    return scene_class([LabelledBox(label, tuple(edges)) for label, edges in json.loads(about)], data.classes)


def _file(data: Data, first: int, cache: Path) -> Path:
    """Where a split stays, as long as any recipe wanted it: the name has a hash of all that its images depend on."""
    renderer = RENDERERS[data.source]
    classes = data.classes if renderer.kinds else ()
    parts = (renderer.version, classes, first, data.width, data.height, data.channels)
    return cache / f"{data.source}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}.npz"


def _empty(data: Data, count: int) -> Pixels:
    return np.empty((count, data.height, data.width, data.channels), np.uint8)


def _rendered(data: Data, seeds: range, done: int) -> _Images:
    """The images of a split after the first `done`."""
    items = list(enumerate(seeds))[done:]
    pixels, abouts = _empty(data, len(items)), []
    drawn: Iterable[tuple[Pixels, str]] = in_processes(partial(draw, data), items, f"rendering {data.source}", CHUNK)
    for place, (image, about) in enumerate(drawn):
        pixels[place] = image
        abouts.append(about)
    return _Images(pixels, np.array(abouts, np.str_))
