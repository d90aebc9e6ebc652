"""Varies a classifier's training images: one warp for all that moves pixels, one matrix for all that changes colours.

Every image of a batch is varied by itself. Everything random is drawn from torch's generator: a seed decides it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.recipe import Augment

ELASTIC_KNOTS = 4
"""Knots along a side between which parts of an image move smoothly (Simard et al., 2003, with a coarser field)."""


def vary(images: Tensor, settings: Augment) -> Tensor:
    """Images moved, mirrored and recoloured.

    Args:
        images: float32 (n, channels, height, width) in -1..1, grey or RGB.
        settings: `flip`, `zoom`, `shift`, `turn` and `elastic` move; `brightness`, `contrast`, and for RGB `saturation`
            and `hue`, recolour. What moves in from outside repeats the image's edge. `brightness` is added, in units of
            -1..1; `hue` is in turns.

    Returns:
        The same shape, in -1..1.
    """
    return recoloured(moved(images, settings), settings)


def moved(images: Tensor, settings: Augment) -> Tensor:
    """The warp alone."""
    count, _, height, width = images.shape
    grid = functional.affine_grid(_affine(count, settings).to(images.device), [count, 1, height, width], False)
    if settings.elastic:
        # the grid spans 2; three deviations of the field are what the recipe calls how far parts move
        knots = torch.randn(count, 2, ELASTIC_KNOTS, ELASTIC_KNOTS, device=images.device) * settings.elastic * 2 / 3
        field = functional.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def recoloured(images: Tensor, settings: Augment) -> Tensor:
    """The colours alone: saturation and hue around each pixel's grey, then contrast and brightness of the image."""
    count, channels = images.shape[:2]
    if channels == 3 and (settings.saturation or settings.hue):
        images = torch.einsum("nij,njhw->nihw", _colours(count, settings).to(images.device), images)
    contrast = 1 + _even(count, settings.contrast)
    brightness = _even(count, settings.brightness)
    shape = (count, 1, 1, 1)
    return (images * contrast.to(images.device).view(shape) + brightness.to(images.device).view(shape)).clamp(-1, 1)


def _even(count: int, most: float) -> Tensor:
    """(count,) evenly drawn from -most..most."""
    return (torch.rand(count) * 2 - 1) * most


def _affine(count: int, settings: Augment) -> Tensor:
    """(count, 2, 3): where each pixel of the result comes from, in units of half a side."""
    low, high = (math.log(factor) for factor in settings.zoom)
    scale = torch.exp(-(low + (high - low) * torch.rand(count)))
    angle = _even(count, math.radians(settings.turn))
    mirror = 1 - 2 * (torch.rand(count) < settings.flip).float()
    shift = torch.stack((_even(count, 2 * settings.shift), _even(count, 2 * settings.shift)), 1)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    rows = torch.stack((torch.stack((cosine * mirror, -sine), 1), torch.stack((sine * mirror, cosine), 1)), 1)
    return torch.cat((rows, shift[:, :, None]), 2)


def _colours(count: int, settings: Augment) -> Tensor:
    """(count, 3, 3): a turn around the axis of greys by the hue, after scaling the distance from it."""
    angle = _even(count, 2 * math.pi * settings.hue).view(count, 1, 1)
    strength = (1 + _even(count, settings.saturation)).view(count, 1, 1)
    grey = torch.full((3, 3), 1 / 3)
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return grey + strength * (angle.cos() * (torch.eye(3) - grey) + angle.sin() * across)
