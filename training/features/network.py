"""A network that learns features by telling images apart, and gives them up as a plain stack of convolutions.

It is a judge (`training.judges`): the loop, the data and the scores are those of judges.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.errors import TrainingError
from training.features.stack import KERNEL, FeatureStack, layers_of, orthogonal_

MOST_WIDER = 8
"""The last stages have at most so many times the channels of the first, as in VGG."""


class FeatureNetwork(nn.Module):
    """A `FeatureStack` with batch normalisation before each ReLU, and a linear classifier over the last maps' means.

    Attributes:
        size, channels, dimensions: as for `training.judges.network.JudgeNetwork`.
        plan: channels by stage.
    """

    channels = 3

    def __init__(
        self, classes: int, size: int, *, width: int = 32, stages: int = 4, blocks: int = 2, frozen: int = 0
    ) -> None:
        """Draw orthogonal filters.

        Args:
            classes: that it tells apart.
            size: side of the images.
            width: channels of the first stage.
            stages: between which the sides are halved.
            blocks: convolutions of a stage.
            frozen: whether the convolutions stay as they are drawn, and only the classifier learns.
        """
        super().__init__()
        self.size = size
        self.plan = tuple((width * min(2**stage, MOST_WIDER),) * blocks for stage in range(stages))
        if size % 2 ** (stages - 1):
            raise TrainingError(f"model.size = {size}: must be a multiple of {2 ** (stages - 1)} for {stages} stages")
        self.layers = layers_of(self.plan)
        widths = [3, *(layer.channels for layer in self.layers)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, padding=1, bias=False) for before, after in pairwise(widths)
        )
        self.normalisations = nn.ModuleList(nn.BatchNorm2d(layer.channels) for layer in self.layers)
        self.dimensions = widths[-1]
        self.classifier = nn.Linear(self.dimensions, classes)
        for convolution in self.convolutions:
            orthogonal_(cast("nn.Conv2d", convolution))
        nn.init.zeros_(self.classifier.bias)
        for fixed in (self.convolutions, self.normalisations) if frozen else ():
            fixed.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of float32 images (n, 3, height, width) in -1..1."""
        return cast("Tensor", self.classifier(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """float32 (n, dimensions), 0 and more: the means of the last layer's maps."""
        if images.shape[1] != self.channels:
            raise TrainingError(f"a judge of images with {self.channels} channels was given {images.shape[1]}")
        values = images
        if images.shape[2:] != (self.size, self.size):
            values = functional.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
        for layer, convolution, normalise in zip(self.layers, self.convolutions, self.normalisations, strict=True):
            if layer.first:
                values = functional.avg_pool2d(values, 2)
            values = functional.relu(normalise(convolution(values)))
        return values.mean((2, 3))

    @torch.no_grad()
    def stack(self) -> FeatureStack:
        """The convolutions as they are in evaluation mode: normalisation is part of their weights."""
        stack = FeatureStack(self.plan)
        for plain, convolution, normalise in zip(
            stack.convolutions, self.convolutions, self.normalisations, strict=True
        ):
            own, found, norm = (
                cast("nn.Conv2d", plain), cast("nn.Conv2d", convolution), cast("nn.BatchNorm2d", normalise)
            )  # fmt: skip
            scale = norm.weight / (cast("Tensor", norm.running_var) + norm.eps).sqrt()
            own.weight.copy_(found.weight * scale[:, None, None, None])
            cast("Tensor", own.bias).copy_(norm.bias - cast("Tensor", norm.running_mean) * scale)
        return stack.eval().requires_grad_(False)
