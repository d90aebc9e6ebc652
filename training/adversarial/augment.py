"""Differentiable augmentation of whatever the critic sees, for little data (Zhao et al. 2020, DiffAugment).

Real and made images are varied alike, in both players' turns, and gradients pass through to the generator: so the
critic cannot learn the training images by heart, and the generator does not learn to make varied ones. What is drawn is
a share of the image's size, so that one draw fits every scale of a batch.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from training.adversarial.penalties import Images

MOST_SHIFT = 1 / 8
"""Of a translation, as a share of the side."""

CUT = 1 / 2
"""Side of the square that is cut out, as a share of the image's."""

Kind = Literal["colour", "translation", "cutout"]


def varied(images: Images, kinds: Sequence[Kind]) -> Images:
    """Every image in its own way, the same way at every scale.

    Args:
        images: float (n, channels, height, width) in -1..1, for each scale.
        kinds: in this order.

    Returns:
        Images of the same shapes and dtypes; colours may leave -1..1; what is cut out is 0.
    """
    for kind in kinds:
        draws = torch.rand(3, len(images[0]), device=images[0].device)
        # shifting is a matrix product, which automatic mixed precision would round
        with torch.autocast(images[0].device.type, enabled=False):
            images = tuple(_VARIATIONS[kind](image, draws) for image in images)
    return images


def _colour(images: Tensor, draws: Tensor) -> Tensor:
    """Brightness up to 0.5 up or down, saturation 0 to 2 times, contrast 0.5 to 1.5 times."""
    brightness, saturation, contrast = (draw.to(images.dtype).view(-1, 1, 1, 1) for draw in draws)
    images = images + (brightness - 0.5)
    if images.shape[1] > 1:
        images = torch.lerp(images.mean(1, keepdim=True), images, saturation * 2)
    return torch.lerp(images.mean((1, 2, 3), keepdim=True), images, contrast + 0.5)


def _translation(images: Tensor, draws: Tensor) -> Tensor:
    """Up to an eighth of the side in each direction; a product with a matrix of zeros and ones, exact and fast.

    What comes in from outside continues the edge: a grey strip beside black or white would teach the generator strips.
    """
    height, width = images.shape[2:]
    down, right = _shift(draws[0], height, images.dtype), _shift(draws[1], width, images.dtype)
    return down[:, None] @ images @ right[:, None].mT


def _shift(draws: Tensor, side: int, dtype: torch.dtype) -> Tensor:
    """Matrices (n, side, side) that bring what stands at one place to another."""
    pixels = ((2 * draws - 1) * MOST_SHIFT * side).round()
    places = torch.arange(side, device=draws.device)
    sources = (places - pixels[:, None]).clamp(0, side - 1)
    return (sources[:, :, None] == places).to(dtype)


def _cutout(images: Tensor, draws: Tensor) -> Tensor:
    """A square of half the side, its middle anywhere in the image."""
    height, width = images.shape[2:]
    inside = _within(draws[0], height)[:, None, :, None] & _within(draws[1], width)[:, None, None, :]
    return images * ~inside


def _within(draws: Tensor, side: int) -> Tensor:
    """Which places (n, side) the cut covers along one axis."""
    distances = torch.arange(side, device=draws.device) + 0.5 - draws[:, None] * side
    return distances.abs() < CUT * side / 2


_VARIATIONS: dict[Kind, Callable[[Tensor, Tensor], Tensor]] = {
    "colour": _colour,
    "translation": _translation,
    "cutout": _cutout,
}
