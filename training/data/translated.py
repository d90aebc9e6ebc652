"""The in-memory forms of what translators are trained on: pairs of images, and two domains without pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class PairedImages:
    """Pairs of images of one size: what is given, and what it should become.

    Attributes:
        inputs: uint8 (n, height, width, 3), RGB.
        targets: uint8 (n, height, width, 3), RGB, pixel for pixel the same scene.
        names: where each pair comes from, for people, e.g. "train/12.jpg" or "maps 17".
    """

    inputs: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    names: Sequence[str]

    def __post_init__(self) -> None:
        if self.inputs.ndim != 4 or self.inputs.shape[-1] != 3:
            raise TrainingError(f"inputs {self.inputs.shape} of a pair set: n x height x width x 3 is expected")
        if self.inputs.shape != self.targets.shape or len(self.names) != len(self.inputs):
            raise TrainingError(
                f"inputs {self.inputs.shape}, targets {self.targets.shape} and {len(self.names)} names are no pairs"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: NDArray[Any]) -> "PairedImages":
        """Some of the pairs, in the order of `indices` (n,)."""
        return PairedImages(self.inputs[indices], self.targets[indices], [self.names[at] for at in indices.tolist()])

    def reversed(self) -> "PairedImages":
        """The same pairs in the other direction: the inputs become the targets."""
        return PairedImages(self.targets, self.inputs, self.names)


@dataclass(frozen=True, slots=True)
class PairedSplits:
    """Two sets of pairs that share none."""

    train: PairedImages
    validation: PairedImages

    def reversed(self) -> "PairedSplits":
        """Both sets in the other direction."""
        return PairedSplits(self.train.reversed(), self.validation.reversed())


@dataclass(frozen=True, slots=True)
class UnpairedSplits:
    """Two domains, for each of them a set to train on and one to check with, which share no image.

    Attributes:
        train: the images of the first and of the second domain. Their labels are 0 and 1, their classes the names of
            both domains.
        validation: held-out images of both domains, likewise.
        masks: for both validation sets, where the animal (the thing to be translated) stands: bool (n, height, width).
            None where nobody knows.
    """

    train: tuple[ClassifiedImages, ClassifiedImages]
    validation: tuple[ClassifiedImages, ClassifiedImages]
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None

    def __post_init__(self) -> None:
        shapes = {images.pixels.shape[1:] for images in (*self.train, *self.validation)}
        if len(shapes) != 1:
            raise TrainingError(f"the images of two domains have the sizes {sorted(shapes)}: one is expected")
        for images, mask in zip(self.validation, self.masks or (), strict=False):
            if mask.shape != images.pixels.shape[:3]:
                raise TrainingError(f"masks {mask.shape} do not fit images {images.pixels.shape}")

    @property
    def domains(self) -> tuple[str, str]:
        """The names of the first and of the second domain, e.g. ("cow", "horse")."""
        first, second = self.train[0].classes
        return first, second

    def fewer(self, count: int) -> "UnpairedSplits":
        """The same domains with the first `count` held-out images of each: a score need not be of all of them."""
        first, second = (images.take(np.arange(min(count, len(images)))) for images in self.validation)
        masks = self.masks and (self.masks[0][:count], self.masks[1][:count])
        return UnpairedSplits(self.train, (first, second), masks)
