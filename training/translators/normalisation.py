"""How translators normalise their features, and why the exported network is the trained one.

The public code of pix2pix trains with the statistics of each batch and then keeps doing so when it translates, so that
an exported graph, which has the running statistics, gives other images than those that were looked at. Here a
translator always serves with what it was scored with: instance normalisation, which is the same in both modes but sees
the whole image, or batch normalisation with its running statistics, which treats every pixel alike, so that a tile of
an image does not depend on its neighbours. To let a network learn with exactly those, they can be frozen for the last
part of a training.
"""

from collections.abc import Iterable
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

Norm = Literal["batch", "instance"]


def normalisation(name: Norm, maps: int) -> nn.Module:
    """A layer for features (n, maps, height, width); that of instances has no weights, as in CycleGAN's code."""
    return nn.BatchNorm2d(maps) if name == "batch" else nn.InstanceNorm2d(maps)


def freeze_statistics(networks: Iterable[nn.Module], *, frozen: bool) -> None:
    """Let batch normalisation use its running statistics as they are, or let it go on gathering them."""
    for network in networks:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.train(not frozen)


def has_batch_statistics(network: nn.Module) -> bool:
    """Whether the images of a batch influence each other while the network is trained."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())


def is_local(network: nn.Module) -> bool:
    """Whether a part of an image is translated without regard to what lies far away from it."""
    return not any(isinstance(module, _InstanceNorm) for module in network.modules())
