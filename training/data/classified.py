"""The one in-memory form of images that are sorted by class: what generators and classifiers are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class ClassifiedImages:
    """Images of one size, each of one class.

    Attributes:
        pixels: uint8 (n, height, width, channels), RGB or one channel of grey.
        labels: int64 (n,), 0..len(classes)-1.
        classes: their names, in the order of the numbers.
        names: where each image comes from, for people, e.g. "apple_3/r0_12.jpg" or "seed 17".
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    names: Sequence[str]

    def __post_init__(self) -> None:
        count = len(self.pixels)
        if self.pixels.ndim != 4 or self.labels.shape != (count,) or len(self.names) != count:
            raise TrainingError(
                f"images {self.pixels.shape}, labels {self.labels.shape} and {len(self.names)} names do not fit"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, indices: NDArray[Any]) -> "ClassifiedImages":
        """Some of the images, in the order of `indices` (n,)."""
        names = [self.names[index] for index in indices.tolist()]
        return ClassifiedImages(self.pixels[indices], self.labels[indices], self.classes, names)

    def counts(self) -> dict[str, int]:
        """Images of each class."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, numbers.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class ClassifiedSplits:
    """Two sets that share no image."""

    train: ClassifiedImages
    validation: ClassifiedImages

    def counts(self) -> dict[str, dict[str, int]]:
        """Images in all and of each class, for both sets."""
        return {
            name: {"images": len(images), **images.counts()}
            for name, images in (("train", self.train), ("validation", self.validation))
        }
