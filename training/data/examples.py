"""Images with classes as a set from outside lists them, before any is read: one form for every layout."""

import difflib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.classified import ClassifiedImages
from training.data.faults import Fault, Findings, Split
from training.data.rendered_classes import in_channels
from training.errors import TrainingError
from training.recipe import Data

Pixels = NDArray[np.uint8]

THREADS = 4
CLASSES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Example:
    """One image that can be read.

    Attributes:
        name: where it is, for people.
        label: its class; None where the set says none.
        split: into which the set puts it, if into any.
        read: gives uint8 pixels, RGB (height, width, 3) or grey (height, width); None after noting a fault.
    """

    name: str
    label: str | None
    split: Split | None
    read: Callable[[Findings], Pixels | None]


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """What a set from outside holds.

    Attributes:
        source: the folder or file.
        examples: in a fixed order.
        labels: all classes, those without an image too; none where the set has no classes.
        faults: what listing the set found.
    """

    source: Path
    examples: Sequence[Example]
    labels: tuple[str, ...]
    faults: tuple[Fault, ...] = ()


def pick_classes(found: ExampleSet, classes: Sequence[str]) -> list[tuple[Example, int]]:
    """The examples of some classes, with their numbers.

    A name is that of a class if it is the same; else if it is but for case and for spaces, underscores and hyphens;
    else if the set's have numbers behind it, and then all of these are one: "apple_red" is "Apple Red 1" and
    "Apple Red 2". In a set without classes a single name means all images.

    Raises:
        TrainingError: the set has no such class, or two names mean the same one.
    """
    if not found.labels:
        if len(classes) > 1:
            raise TrainingError(
                f"{found.source}: its images have no classes, but data.classes asks for {len(classes)}: "
                "put each class into a folder of its own, or name a single class for all images"
            )
        return [(example, 0) for example in found.examples]
    numbers: dict[str, int] = {}
    for number, name in enumerate(classes):
        for label in _meant(name, found):
            if label in numbers:
                raise TrainingError(f"data.classes: '{classes[numbers[label]]}' and '{name}' both mean '{label}'")
            numbers[label] = number
    return [(example, numbers[example.label]) for example in found.examples if example.label in numbers]


def only_classes(found: ExampleSet, classes: Sequence[str]) -> ExampleSet:
    """The set with the examples of some classes alone, under the set's own names; without names all of it.

    Raises:
        TrainingError: as `pick_classes`.
    """
    if not classes or not found.labels:
        return found
    examples = [example for example, _ in pick_classes(found, classes)]
    kept = {label for name in classes for label in _meant(name, found)}
    return replace(found, examples=examples, labels=tuple(label for label in found.labels if label in kept))


def load_examples(
    examples: Sequence[tuple[Example, int]], data: Data, findings: Findings, *, cubic: bool = False
) -> ClassifiedImages:
    """Read images and scale them to the recipe's size; unreadable ones are noted.

    Args:
        examples: with the numbers of their classes.
        data: width, height, channels and classes.
        findings: where faults go.
        cubic: scale them as `bicubic` does; else as `scaled` does.
    """
    resized = bicubic if cubic else scaled

    def read(item: tuple[Example, int]) -> Pixels | None:
        pixels = item[0].read(findings)
        return None if pixels is None else in_channels(resized(pixels, data.width, data.height), data.channels)

    with ThreadPoolExecutor(THREADS) as threads:  # decoding and scaling release the GIL
        whole = [
            (image, item)
            for image, item in zip(threads.map(read, examples), examples, strict=True)
            if image is not None
        ]
    pixels = np.empty((len(whole), data.height, data.width, data.channels), np.uint8)
    for place, (image, _) in enumerate(whole):
        pixels[place] = image
    labels = np.array([number for _, (_, number) in whole], np.int64)
    return ClassifiedImages(pixels, labels, data.classes, [example.name for _, (example, _) in whole])


def bicubic(pixels: Pixels, width: int, height: int) -> Pixels:
    """The whole image at another size, uint8 (height, width, 3): bicubic, as in pix2pix, without aliasing."""
    if pixels.shape[:2] == (height, width):
        return pixels
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.uint8)


def scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    """The whole image at another size, by area where it becomes smaller, its proportions given up."""
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = width <= pixels.shape[1] and height <= pixels.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cast("Pixels", cv2.resize(pixels, (width, height), interpolation=way))


def _meant(name: str, found: ExampleSet) -> list[str]:
    """The labels that a name stands for.

    Raises:
        TrainingError: there is none.
    """
    ways: tuple[Callable[[str], str], ...] = (str, _plain, lambda label: re.sub(r"( \d+)+$", "", _plain(label)))
    wanted = (name, _plain(name), _plain(name))
    for way, key in zip(ways, wanted, strict=True):
        if labels := [label for label in found.labels if way(label) == key]:
            return labels
    near = difflib.get_close_matches(_plain(name), [_plain(label) for label in found.labels], CLASSES_SHOWN)
    near_labels = [label for label in found.labels if _plain(label) in near] or list(found.labels)
    more = len(found.labels) - len(near_labels[:CLASSES_SHOWN])
    listed = ", ".join(near_labels[:CLASSES_SHOWN]) + (f" and {more} more" if more else "")
    raise TrainingError(f"{found.source}: there is no class '{name}' (data.classes); there are {listed}")


def _plain(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()
