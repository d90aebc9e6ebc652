"""Whether a generator shows training images again: each made image beside its nearest training images."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.data.sheet import Pixels, save_png, sheet
from training.errors import TrainingError
from training.metrics.distances import nearest, pixel_features
from training.metrics.frechet import Features
from training.metrics.judged import Judge, opinion

PERCENTILE = 1.0
"""As near to a training image as this percentage of new real images is: near enough to be a copy."""
SHOWN = 3
"""Nearest training images on a sheet, of each kind."""
CELL = 64
"""Shortest side of a picture on a sheet, pixels."""


@dataclass(frozen=True, slots=True)
class Space:
    """The same three sets of images as vectors, float64 (n, d) each: in features or in pixels."""

    made: Features
    train: Features
    held_out: Features


def spaces(made: ClassifiedImages, splits: ClassifiedSplits, judge: Judge) -> tuple[Space, Space]:
    """Made, training and held-out images in a judge's features, and in pixels."""
    sets = (made, splits.train, splits.validation)
    return Space(*(opinion(judge, images).features for images in sets)), Space(*map(pixel_features, sets))


def copy_distance(space: Space) -> float:
    """The distance to the nearest training image below which an image counts as a copy of it.

    Held-out images were never trained on, so their distances say how near a new image comes by chance.
    """
    return float(np.percentile(nearest(space.held_out, space.train)[0], PERCENTILE))


def memorised_share(space: Space) -> float:
    """Share of made images, 0..1, that are nearer to a training image than `copy_distance`.

    A generator that makes new images has about 0.01, one that learned its training images by heart has about 1.
    """
    return float(np.mean(nearest(space.made, space.train)[0] < copy_distance(space)))


def write_neighbours(
    made: ClassifiedImages, train: ClassifiedImages, spaces: tuple[Space, Space], shown: int, file: Path
) -> None:
    """Write a sheet: each row has a made image, the nearest training images in features, then those in pixels.

    Args:
        made: the first `shown` of them are on the sheet.
        train: what the generator was trained on.
        spaces: both sets in features and in pixels.
        shown: rows.
        file: the PNG file; its folder is made.

    Raises:
        TrainingError: there is nothing to show, or the file cannot be written.
    """
    if not len(made) or not len(train) or shown < 1:
        raise TrainingError(f"{file}: a sheet needs made and training images, not {len(made)} and {len(train)}")
    found = [nearest(space.made[:shown], space.train, SHOWN) for space in spaces]
    cells, captions = [], []
    for row in range(min(shown, len(made))):
        cells.append(picture(made.pixels[row]))
        captions.append("made")
        for kind, (apart, numbers) in zip(("features", "pixels"), found, strict=True):
            cells += [picture(train.pixels[number]) for number in numbers[row]]
            captions += [f"{kind} {distance:.2g}" for distance in apart[row]]
    save_png(file, sheet(cells, len(cells) // min(shown, len(made)), captions))


def picture(pixels: NDArray[np.uint8]) -> Pixels:
    """An image for a sheet: RGB, and never smaller than can be looked at.

    Args:
        pixels: uint8 (height, width, channels) of one or three channels.
    """
    pixels = in_colour(pixels)
    times = -(-CELL // min(pixels.shape[:2]))
    if times == 1:
        return pixels
    return np.asarray(cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST), np.uint8)


def in_colour(pixels: NDArray[np.uint8]) -> Pixels:
    """RGB of an image with one channel or three."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
