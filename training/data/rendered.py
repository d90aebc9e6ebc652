"""The images that a recipe's renderer makes: rendered once, kept as a Pascal VOC set, read back from then on.

A scene is a function of its seed. Training takes the seeds from `data.seed` on, validation those from `data.seed` +
2**30 on; as no training seed reaches 2**30, no image that a model is checked with was ever trained on, whatever the
recipes' seeds and numbers are.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.faults import Findings
from training.data.processes import in_processes
from training.data.voc import VocReader, voc_xml
from training.errors import TrainingError
from training.recipe import Data

VALIDATION_OFFSET = 2**30
JPEG_QUALITY = 95

Scene = Callable[[int, int, int], tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Where a renderer is, `version` to be raised when it gives other pixels or boxes for a seed."""

    module: str
    function: str
    version: int

    def load(self) -> Scene:
        """The function, imported only now: (seed, width, height) to RGB pixels and boxes."""
        scene: Scene = getattr(import_module(self.module), self.function)
        return scene


RENDERERS = {
    "masks": Renderer("training.render.scenes", "render_scene", version=2),
    "construction": Renderer("training.render.construction", "render_construction", version=2),
}
"""By the name that a recipe says in `data.source`."""


def rendered_set(data: Data, split: Literal["train", "validation"], cache: Path) -> list[AnnotatedImage]:
    """The images of a split, in the order of their seeds; what is not in `cache` is rendered first.

    An image counts as rendered once its annotation is there, which is written last, so an interrupted rendering goes
    on where it stopped, and two processes may render the same set.

    Args:
        data: source, numbers, size and seed of the images.
        split: "train" or "validation".
        cache: the folder that keeps all rendered sets; this one's is named after what it depends on.

    Raises:
        TrainingError: there is no such renderer, seeds reach those of validation, or a kept file is broken.
    """
    return render_folder(
        data.source, (data.width, data.height), split_seeds(data, split), set_folder(data, cache) / split
    )


def render_folder(source: str, size: tuple[int, int], seeds: range, folder: Path) -> list[AnnotatedImage]:
    """The images of some seeds, in their order, as a Pascal VOC set in `folder`; what is there is not rendered again.

    Args:
        source: the renderer's name.
        size: width and height of an image in pixels.
        seeds: 0 or more, each an image.
        folder: gets `images/*.jpg` and `annotations/*.xml`.

    Raises:
        TrainingError: there is no such renderer, the folder cannot be written, or a kept file is broken.
    """
    renderer = _renderer(source)
    todo = [seed for seed in seeds if not _annotation(folder, seed).is_file()]
    if todo:
        for _ in in_processes(partial(render_file, renderer, folder, size), todo, f"rendering {source}"):
            pass
    return _read(folder, seeds)


def _renderer(source: str) -> Renderer:
    renderer = RENDERERS.get(source)
    if renderer is None:
        raise TrainingError(f"there is no renderer '{source}'; there are {', '.join(RENDERERS)}")
    return renderer


def set_folder(data: Data, cache: Path) -> Path:
    """Where the images of a recipe stay: the name has a hash of the renderer, its version, the seed and the size.

    Raises:
        TrainingError: there is no such renderer.
    """
    parts = (data.source, _renderer(data.source).version, data.seed, data.width, data.height)
    return cache / f"{data.source}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"


def split_seeds(data: Data, split: Literal["train", "validation"]) -> range:
    """The seeds of a split: those of training end below 2**30, where those of validation begin.

    Raises:
        TrainingError: the recipe's seed or numbers are out of that range.
    """
    if data.seed < 0 or data.seed + max(data.train, data.validation) > VALIDATION_OFFSET:
        raise TrainingError(
            f"data.seed = {data.seed}: must be at least 0, and {VALIDATION_OFFSET} less the number of images at most"
        )
    if split == "train":
        return range(data.seed, data.seed + data.train)
    first = VALIDATION_OFFSET + data.seed
    return range(first, first + data.validation)


def render_file(renderer: Renderer, folder: Path, size: tuple[int, int], seed: int) -> None:
    """Render one scene into a set, its annotation last, each file whole or not at all."""
    pixels, boxes = renderer.load()(seed, *size)
    written, jpeg = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not written:
        raise TrainingError(f"the scene of seed {seed}, {pixels.shape} {pixels.dtype}, cannot be written as JPEG")
    image = AnnotatedImage(_image(folder, seed), pixels.shape[1], pixels.shape[0], boxes)
    _write_whole(image.file, jpeg.tobytes())
    _write_whole(_annotation(folder, seed), voc_xml(image))


def _image(folder: Path, seed: int) -> Path:
    return folder / "images" / f"{seed:010d}.jpg"


def _annotation(folder: Path, seed: int) -> Path:
    return folder / "annotations" / f"{seed:010d}.xml"


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is never seen half."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(file)


def _read(folder: Path, seeds: range) -> list[AnnotatedImage]:
    reader = VocReader(Findings(strict=True))
    images = folder / "images"
    read = (reader.read(_annotation(folder, seed), lambda name, _: images / name) for seed in seeds)
    return [image for image in read if image]
