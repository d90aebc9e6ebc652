"""The layers of the compact detector: a backbone, a feature pyramid and a light head, a few hundred thousand weights.

Shaped for two CPU cores. Where maps are large, channels are few and convolutions dense: these run near a processor's
peak, while a depthwise convolution there waits for memory. Where maps are small and channels many, 5 x 5 depthwise
convolutions with pointwise ones (MobileNets, arXiv 1704.04861) save the weights and look far. The activation is ReLU:
in f32 SiLU costs an exponential for each value, and every engine folds ReLU into the convolution before it.

Sources: cross-stage partial stages (Wang et al., CSPNet, arXiv 1911.11929), top-down and bottom-up paths (Liu et al.,
PANet, arXiv 1803.01534), a head with separate branches for classes and boxes (FCOS, arXiv 1904.01355; Ge et al., YOLOX,
arXiv 2107.08430), its last layer started at a small probability (Lin et al., focal loss, arXiv 1708.02002).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
"""Pixels of the input per cell of each level of the pyramid."""

PRIOR = 0.01
"""Probability that the untrained network gives to every class everywhere."""

FIRST_REACH = 2.0
"""Distance from a cell's centre to the edges of the box that the untrained network gives, in strides."""


class ConvUnit(nn.Sequential):
    """Convolution that keeps the size (or halves it), batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Separable(nn.Sequential):
    """Depthwise k x k, then pointwise, each with its own normalisation; the first without activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            ConvUnit(inputs, outputs, 1),
        )


class Residual(nn.Module):
    """Two 3 x 3 convolutions, or one separable 5 x 5, around which the input is carried."""

    def __init__(self, channels: int, *, separable: bool) -> None:
        super().__init__()
        self.body: nn.Module = (
            Separable(channels, channels, 5)
            if separable
            else nn.Sequential(ConvUnit(channels, channels, 3), ConvUnit(channels, channels, 3))
        )

    def forward(self, features: Tensor) -> Tensor:
        carried: Tensor = features + self.body(features)
        return carried


class CrossStage(nn.Module):
    """Half of the channels pass by, half go through residual blocks; both are joined (CSPNet, figure 2b)."""

    def __init__(self, channels: int, blocks: int, *, separable: bool) -> None:
        super().__init__()
        half = channels // 2
        self.split = ConvUnit(channels, channels, 1)
        self.blocks = nn.Sequential(*(Residual(half, separable=separable) for _ in range(blocks)))
        self.join = ConvUnit(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        passed, worked = self.split(features).chunk(2, dim=1)
        joined: Tensor = self.join(torch.cat((passed, self.blocks(worked)), dim=1))
        return joined


class Backbone(nn.Module):
    """Images to features at strides 8, 16 and 32."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        stem, first, second, third, fourth = widths
        self.stem = nn.Sequential(
            ConvUnit(3, stem, 3, 2), ConvUnit(stem, first, 3, 2), CrossStage(first, 1, separable=False)
        )
        self.second = nn.Sequential(ConvUnit(first, second, 3, 2), CrossStage(second, 2, separable=False))
        self.third = nn.Sequential(ConvUnit(second, third, 3, 2), CrossStage(third, 1, separable=False))
        self.fourth = nn.Sequential(Separable(third, fourth, 5, 2), CrossStage(fourth, 2, separable=True))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.second(self.stem(images))
        middle = self.third(fine)
        return fine, middle, self.fourth(middle)


class Pyramid(nn.Module):
    """Every level learns from coarser ones what an object is, and from finer ones where it ends (PANet)."""

    def __init__(self, inputs: Sequence[int], channels: int) -> None:
        super().__init__()
        fine, middle, coarse = inputs
        self.coarse = ConvUnit(coarse, channels, 1)
        self.middle = ConvUnit(middle + channels, channels, 1)
        self.down_middle = Separable(channels, channels, 5)
        self.fine = ConvUnit(fine + channels, channels, 1)
        self.out_fine = Separable(channels, channels, 5)
        self.fine_to_middle = Separable(channels, channels, 5, 2)
        self.out_middle = Separable(channels, channels, 5)
        self.middle_to_coarse = Separable(channels, channels, 5, 2)
        self.out_coarse = Separable(channels, channels, 5)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coarse = self.coarse(coarse)
        middle = self.down_middle(self.middle(torch.cat((middle, _doubled(coarse)), dim=1)))
        fine = self.out_fine(self.fine(torch.cat((fine, _doubled(middle)), dim=1)))
        middle = self.out_middle(middle + self.fine_to_middle(fine))
        coarse = self.out_coarse(coarse + self.middle_to_coarse(middle))
        return fine, middle, coarse


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """One level's features to class logits and to distances, in strides, from a cell's centre to the box's edges."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classes = _branch(channels, classes, math.log(PRIOR / (1 - PRIOR)))
        self.edges = _branch(channels, 4, math.log(FIRST_REACH))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (batch, cells, classes) and logarithms of distances (batch, cells, 4), cells row by row."""
        return _by_cell(self.classes(features)), _by_cell(self.edges(features))


def _branch(channels: int, outputs: int, first: float) -> nn.Sequential:
    """Layers whose untrained output is close to `first` everywhere."""
    last = nn.Conv2d(channels, outputs, 1)
    assert last.bias is not None
    nn.init.normal_(last.weight, std=0.01)
    nn.init.constant_(last.bias, first)
    return nn.Sequential(Separable(channels, channels, 3), last)


def _by_cell(features: Tensor) -> Tensor:
    return features.flatten(2).transpose(1, 2)
