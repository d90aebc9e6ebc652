"""The real handwritten digits that scikit-learn carries: 1,797 of 43 people, 8 x 8 pixels of 17 greys.

They are those of the UCI repository's "Optical Recognition of Handwritten Digits" test set. Ink is bright, paper black.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.data.stratified import stratified
from training.errors import TrainingError
from training.recipe import Data

INK = 16
"""The brightest value of the 8 x 8 images."""


def digit_splits(data: Data) -> ClassifiedSplits:
    """`data.validation` images to check with and `data.train` others, chosen by `data.seed`, stratified by class.

    Args:
        data: classes out of "0".."9"; images are scaled bicubically to its width and height, grey 0..255.

    Raises:
        TrainingError: a class is no digit, or there are not so many images.
    """
    images = _digits(data)
    if data.train + data.validation > len(images):
        raise TrainingError(
            f"data.train = {data.train} and data.validation = {data.validation}: scikit-learn has {len(images)} digits "
            f"of the classes {', '.join(data.classes)}"
        )
    held_out = stratified(images.labels, data.validation, data.seed)
    rest = images.take(np.flatnonzero(~held_out))
    chosen = stratified(rest.labels, data.train, data.seed)
    return ClassifiedSplits(rest.take(np.flatnonzero(chosen)), images.take(np.flatnonzero(held_out)))


def _digits(data: Data) -> ClassifiedImages:
    """All digits of the classes."""
    for label in data.classes:
        if label not in {str(digit) for digit in range(10)}:
            raise TrainingError(f"data.classes: there is no digit '{label}'; there are 0 to 9")
    found = load_digits()
    names = np.array([str(digit) for digit in found.target])
    chosen = np.flatnonzero(np.isin(names, data.classes))
    pixels = np.stack([_scaled(found.images[number], data) for number in chosen])
    labels = np.array([data.classes.index(name) for name in names[chosen]], np.int64)
    return ClassifiedImages(pixels, labels, data.classes, [f"digit {number}" for number in chosen])


def _scaled(image: NDArray[np.float64], data: Data) -> NDArray[np.uint8]:
    """uint8 (height, width, channels)."""
    grey = cv2.resize(image.astype(np.float32) * (255 / INK), (data.width, data.height), interpolation=cv2.INTER_CUBIC)
    whole = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    return cast("NDArray[np.uint8]", np.repeat(whole[:, :, None], data.channels, axis=2))
