"""Images of one colour each: a judge, a generator and real images whose scores are known by construction."""

import numpy as np
import torch
from torch import Tensor, nn

from training.adversarial.model import Latent
from training.data.classified import ClassifiedImages

CLASSES = ("red", "green", "blue")
SIDE = 4
SPREAD = 0.2
"""Deviation of the brightness that is added to the class's colour, in units of -1..1."""


class ColourJudge:
    """Sure of the strongest colour; its features are the mean colour."""

    classes = CLASSES

    def probabilities(self, images: Tensor) -> Tensor:
        return torch.softmax(20 * self.features(images), dim=1)

    def features(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


class ColourGenerator(nn.Module):
    """The class's colour, each channel brighter or darker by its own latent value times `spread`."""

    latent = Latent(3)

    def __init__(self, spread: float = SPREAD, classes: int = 3) -> None:
        super().__init__()
        self.spread, self.classes = spread, classes

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        shown = torch.arange(len(latents)) % len(CLASSES) if labels is None else labels
        colours = torch.eye(len(CLASSES))[shown] - 0.5
        return (colours + self.spread * latents)[:, :, None, None].expand(-1, -1, SIDE, SIDE)


def real_images(count: int, seed: int = 0) -> ClassifiedImages:
    """Of the distribution that `ColourGenerator()` has."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    colours = np.eye(len(CLASSES))[labels] - 0.5 + SPREAD * random.normal(size=(count, 3))
    pixels = np.clip(np.rint((colours + 1) * 127.5), 0, 255).astype(np.uint8)
    names = [f"real {number}" for number in range(count)]
    return ClassifiedImages(np.tile(pixels[:, None, None], (1, SIDE, SIDE, 1)), labels, CLASSES, names)
