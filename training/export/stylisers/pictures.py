"""The pictures that cards of stylisers and dreams show, made by the networks themselves."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from training.dreaming.dream import channel_dream
from training.export.sheet import samples_png
from training.export.stylisers.card import PICTURED
from training.features.reference import reference_images
from training.features.stack import FeatureStack
from training.stylisation.adain import Stylizer
from training.stylisation.gatys import StyleSettings, stylise
from training.stylisation.training import stylised

SIDE = 128
_STYLES = (6, 2, 1)
"""Which of the reference images are the styles of the first three."""

_OPTIMISED, _DREAMT = 96, 64
_STEPS = 80


def stylizer_sheet(stylizer: Stylizer) -> bytes:
    """Contents, styles, and what one pass makes of them."""
    images = reference_images(SIDE)
    styles = images.roll(2, 0)
    with torch.no_grad():
        made = torch.cat([stylised(stylizer, a[None], b[None]) for a, b in zip(images, styles, strict=True)])
    return _sheet(torch.cat((images, styles, made)), len(images))


def style_sheet(stack: FeatureStack, settings: StyleSettings) -> bytes:
    """Three contents, three styles, and what the optimiser makes of them."""
    images = reference_images(_OPTIMISED - _OPTIMISED % stack.multiple)
    contents, styles = images[: len(_STYLES)], images[list(_STYLES)]
    shown = replace(settings, steps=min(settings.steps, _STEPS))
    made = [stylise(stack, a[None], b[None], shown)[0] for a, b in zip(contents, styles, strict=True)]
    return _sheet(torch.cat((contents, styles, *made)), len(contents))


def dream_sheet(stack: FeatureStack) -> bytes:
    """What some channels of the last layer want to see."""
    layer = stack.layers[-1]
    channels = np.linspace(0, layer.channels - 1, PICTURED).round().astype(int).tolist()
    return _sheet(torch.stack([channel_dream(stack, layer.name, channel, _DREAMT) for channel in channels]), 8)


def _sheet(images: Tensor, columns: int) -> bytes:
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return samples_png(np.ascontiguousarray(pixels.numpy()), columns, SIDE)
