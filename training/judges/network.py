"""The network of a judge: a small residual classifier whose penultimate values are features of an image.

A plain ResNet (He et al., Deep Residual Learning for Image Recognition, 2016, section 4.2: the form for small images)
with three stages. Features are the means of the last stage's channels, so they say what is in the image, not where.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.errors import TrainingError

LEAST_SIZE = 16
LARGE_SIZE = 48
"""Sides from which on the first convolution halves the image."""


class JudgeNetwork(nn.Module):
    """A classifier of images of one size.

    Attributes:
        size: side in pixels that it computes at; other images are scaled to it.
        channels: 1 or 3.
        dimensions: of the features.
    """

    def __init__(self, classes: int, size: int, channels: int, *, width: int = 32, blocks: int = 1) -> None:
        super().__init__()
        self.size, self.channels, self.dimensions = size, channels, 4 * width
        stride = 2 if size >= LARGE_SIZE else 1
        stages: list[nn.Module] = [nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)]
        before = width
        for stage, after in enumerate((width, 2 * width, 4 * width)):
            stages += [Block(before, after, 2 if stage else 1), *(Block(after, after) for _ in range(blocks - 1))]
            before = after
        self.body = nn.Sequential(*stages, nn.BatchNorm2d(before), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of float32 images (n, channels, height, width) in -1..1."""
        return cast("Tensor", self.classifier(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """float32 (n, dimensions), 0 and more.

        Raises:
            TrainingError: the images have another number of channels.
        """
        if images.shape[1] != self.channels:
            raise TrainingError(f"a judge of images with {self.channels} channels was given {images.shape[1]}")
        return cast("Tensor", self.body(scaled(images, self.size)).mean((2, 3)))


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, normalised before each (He et al., Identity Mappings, 2016)."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        self.second = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
        )
        same = before == after and stride == 1
        self.shortcut = None if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """(n, before, h, w) to (n, after, h / stride, w / stride)."""
        normal = self.first(values)
        return cast("Tensor", self.second(normal) + (values if self.shortcut is None else self.shortcut(normal)))


def scaled(images: Tensor, size: int) -> Tensor:
    """Square images of a side; smaller ones are the mean of what they show, so that fine patterns do not alias."""
    if images.shape[2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)


def build_judge(classes: int, size: int, channels: int, options: dict[str, object]) -> JudgeNetwork:
    """The network of a recipe; weights are drawn from torch's generator.

    Args:
        classes: how many.
        size: side in pixels of the square images that it computes at.
        channels: of the images, 1 or 3.
        options: "width", channels of the first stage, and "blocks" of each stage.

    Raises:
        TrainingError: an option that it does not have, or a size that it cannot take.
    """
    if size < LEAST_SIZE:
        raise TrainingError(f"model.size = {size}: a judge needs images of at least {LEAST_SIZE} pixels")
    numbers = {name: value for name, value in options.items() if isinstance(value, int) and value > 0}
    if set(options) - {"width", "blocks"} or len(numbers) < len(options):
        raise TrainingError(f"model.options = {options}: a judge has 'width' and 'blocks', whole numbers from 1 on")
    network = JudgeNetwork(classes, size, channels, **numbers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    torch.nn.init.zeros_(network.classifier.bias)
    return network
