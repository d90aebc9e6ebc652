"""Translators that are small enough for tests, with weights that give contrast, and soft pictures for them."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.export.translators.graph import export_graph
from training.export.translators.trained import Examples, TrainedDirection
from training.recipe import Recipe, load_recipe
from training.translators.resnet import ResNetGenerator, ResNetPlan
from training.translators.unet import UNet, UNetPlan

SIDE = 64

Network = TypeVar("Network", bound=nn.Module)


def local_network() -> UNet:
    """Whose parts come out by themselves; sides are multiples of 8."""
    return _contrasting(UNet(UNetPlan(halvings=3, width=8)))


def whole_network() -> ResNetGenerator:
    """Which normalises by statistics of the whole image; sides are multiples of 4."""
    return _contrasting(ResNetGenerator(ResNetPlan(width=8, blocks=1)))


class Same(nn.Module):
    """Gives every image back."""

    multiple, least, local = 4, 4, True

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.nothing


class Compared(Same):
    """Looks at all images of a batch, as no served translator may."""

    def forward(self, images: Tensor) -> Tensor:
        return images - images.mean(dim=0)


class Framed(Same):
    """Has something of its own at every pixel, so that it knows one size."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = nn.Parameter(torch.zeros(3, SIDE, SIDE + 4))

    def forward(self, images: Tensor) -> Tensor:
        return images + self.frame


class Steep(Same):
    """So steep that the last digits of its weights decide what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 3, 7, padding=3, padding_mode="reflect")
        random = torch.Generator().manual_seed(1)
        nn.init.normal_(self.colours.weight, 0, 1, generator=random)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, 300 * self.colours(images)).tanh()


def _contrasting(network: Network) -> Network:
    random = torch.Generator().manual_seed(1)
    for name, weights in network.named_parameters():
        nn.init.normal_(weights, 1 if weights.ndim == 1 and "bias" not in name else 0, 0.1, generator=random)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            nn.init.uniform_(cast(Tensor, module.running_var), 0.5, 1, generator=random)
    return network.eval()


NETWORKS: dict[str, Callable[[], nn.Module]] = {"local": local_network, "whole": whole_network}


@lru_cache
def graph(kind: str) -> onnx.ModelProto:
    """The exported graph of one of `NETWORKS`; not to be changed."""
    return export_graph(trained(NETWORKS[kind]()))


def recipe(name: str = "pix2pix-maps") -> Recipe:
    """For whatever a card says of a recipe."""
    return load_recipe(name, smoke=True, changes={"model.size": str(SIDE)})


def trained(network: nn.Module, direction: str = "aerial_to_map") -> TrainedDirection:
    """What export takes."""
    return TrainedDirection(recipe(), network.eval(), {}, direction)


def pictures(count: int, seed: int = 1) -> NDArray[np.uint8]:
    """Soft blots, uint8 (count, 64, 64, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def examples(count: int = 10, *, paired: bool = True) -> Examples:
    return Examples(pictures(count), pictures(count, seed=2) if paired else None)
