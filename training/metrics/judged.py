"""What a classifier that knows the real images says of generated ones, and how much these differ from each other."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.metrics.images import to_tensor

CONFIDENT = 0.8
"""Least probability with which an image counts as recognised."""
FAIR = 0.1
"""A class is found when it has this much of the images that it would have if all classes had as many."""
BATCH = 256


class Judge(Protocol):
    """A classifier trained on real images. Both methods take float32 (n, channels, height, width) in -1..1."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the probabilities."""

    def probabilities(self, images: Tensor) -> Tensor:
        """(n, classes), each row sums to 1."""

    def features(self, images: Tensor) -> Tensor:
        """(n, d), what its last layer decides by."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of some images.

    Attributes:
        features: float64 (n, d).
        probabilities: float64 (n, k).
        classes: names of the k classes.
    """

    features: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]

    @property
    def names(self) -> NDArray[np.str_]:
        """The likeliest class of each image, (n,)."""
        return np.asarray(np.array(self.classes)[self.probabilities.argmax(1)])

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Its probability, (n,)."""
        return np.asarray(self.probabilities.max(1))


def best_device() -> torch.device:
    """The GPU of this process where there is one."""
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device(
        "cpu"
    )


@torch.no_grad()
def opinion(judge: Judge, images: ClassifiedImages) -> Opinion:
    """Ask a judge about images."""
    features, probabilities = [], []
    for start in range(0, len(images), BATCH):
        batch = to_tensor(images.pixels[start : start + BATCH]).to(best_device())
        features.append(judge.features(batch).cpu().double().numpy())
        probabilities.append(judge.probabilities(batch).cpu().double().numpy())
    return Opinion(np.concatenate(features), np.concatenate(probabilities), judge.classes)


def class_accuracy(said: Opinion, images: ClassifiedImages) -> float:
    """Share of images, 0..1, that the judge finds to be of the class that they have or were asked for.

    Raises:
        TrainingError: the judge does not know one of the classes.
    """
    unknown = sorted(set(images.classes) - set(said.classes))
    if unknown:
        raise TrainingError(f"the judge knows {', '.join(said.classes)}, not {', '.join(unknown)}")
    return float(np.mean(said.names == np.array(images.classes)[images.labels]))


def judged_by(judge: tuple[str, ...], classes: tuple[str, ...]) -> tuple[str, ...]:
    """Which classes of a judge count for images of `classes`: those that both have.

    All of the judge's where it sorts otherwise, e.g. building sites by how many people are there: an image that it
    recognises is one of a building site.
    """
    return tuple(name for name in judge if name in classes) or judge


def recognised(said: Opinion, classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which images the judge finds to be of one of `classes` with a probability of at least `CONFIDENT`, (n,)."""
    return np.isin(said.names, classes) & (said.confidence >= CONFIDENT)


def classes_found(said: Opinion, classes: tuple[str, ...]) -> int:
    """How many of `classes` have recognised images, each at least a tenth of its fair share: one may be an accident."""
    clear = said.names[recognised(said, classes)]
    least = max(1.0, FAIR * len(said.names) / len(classes))
    return sum(int(np.sum(clear == name)) >= least for name in classes)


def class_deviations(images: ClassifiedImages) -> dict[str, float]:
    """For each class of two images or more: the standard deviation of a pixel over them, mean over pixels; 0..255.

    A generator that has collapsed makes one image of a class whatever the latent vector is: its deviation is near 0.
    """
    deviations = {}
    for number, name in enumerate(images.classes):
        chosen = images.pixels[images.labels == number]
        if len(chosen) > 1:
            deviations[name] = float(chosen.astype(np.float32).std(axis=0, ddof=1).mean())
    return deviations


def deviation_ratios(made: ClassifiedImages, real: ClassifiedImages) -> dict[str, float]:
    """The deviation of made images as a share of that of real ones, by class.

    Where images were made without being asked for a class, all of them are compared with all real ones.
    """
    if made.classes != real.classes:
        real = ClassifiedImages(real.pixels, np.zeros(len(real), np.int64), made.classes, real.names)
    known = class_deviations(real)
    return {name: value / known[name] for name, value in class_deviations(made).items() if known.get(name)}
