"""Any style in one pass (Huang and Belongie, Arbitrary Style Transfer with Adaptive Instance Normalization, 2017).

The paper's network, with two changes. Statistics are inputs instead of being taken of the maps at hand, so that what
becomes of a place does not depend on the rest of the image, and large images can be made in tiles. And the decoder is
told the statistics of the shallow layers too, as scale and shift of its own maps (Dumoulin et al., A Learned
Representation for Artistic Style, 2017, equation 5): those of the deepest layer alone leave colours and fine texture to
guesses.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.features.stack import FeatureStack
from training.stylisation.losses import statistics

LEAST = 32
"""Pixels of a side: statistics of less say little."""


class StyleEncoder(nn.Module):
    """A fixed stack of features; its levels are the first layers of the stages, as in the paper.

    Attributes:
        stack: with reflected edges, ending with its deepest level.
        stages: int64 (stages,), convolutions of each: with its weights, a file says the whole encoder.
        channels: of each level.
        values: of a code.
    """

    stages: Tensor

    def __init__(self, stack: FeatureStack) -> None:
        super().__init__()
        self.stack = stack.requires_grad_(False)
        self._levels = [place for place, layer in enumerate(stack.layers) if layer.name.endswith("_1")]
        self.channels = tuple(stack.layers[place].channels for place in self._levels)
        self.values = 2 * sum(self.channels)
        self.register_buffer("stages", torch.tensor([len(widths) for widths in stack.plan]))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps of every level of float32 images (n, 3, height, width) in -1..1."""
        activations = self.stack(images)
        return [activations[place] for place in self._levels]

    def code(self, images: Tensor) -> Tensor:
        """The statistics of images, float32 (n, values): means of all levels' maps, then their deviations."""
        return code_of(self(images))


def code_of(levels: list[Tensor]) -> Tensor:
    """The code of maps that `StyleEncoder` gave."""
    means, deviations = zip(*(statistics(maps) for maps in levels), strict=True)
    return torch.cat((*means, *deviations), 1)


class Decoder(nn.Module):
    """The encoder's mirror image: nearest values instead of averaging, edges reflected, no normalisation (section 5).

    Each map but the last is scaled and shifted by a linear function of the style's code.
    """

    def __init__(self, encoder: StyleEncoder) -> None:
        super().__init__()
        layers = encoder.stack.layers
        befores = [layer.channels for layer in reversed(layers)]
        afters = [*befores[1:], 3]
        self._grown = [layer.first for layer in reversed(layers)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3) for before, after in zip(befores, afters, strict=True)
        )
        self.modulations = nn.ModuleList(nn.Linear(encoder.values, 2 * after) for after in afters[:-1])
        for modulation in self.modulations:
            nn.init.zeros_(cast("nn.Linear", modulation).weight)
            nn.init.zeros_(cast("nn.Linear", modulation).bias)

    def forward(self, maps: Tensor, code: Tensor) -> Tensor:
        """Images (n, 3, height, width), about -1..1, of the deepest level's maps and a code (n, values)."""
        last = len(self.convolutions) - 1
        code = code * code.shape[1] ** -0.5  # or a step of Adam, alike for all of its many values, would upset the maps
        for place, convolution in enumerate(self.convolutions):
            maps = convolution(functional.pad(maps, (1, 1, 1, 1), mode="reflect"))
            if place < last:
                scale, shift = self.modulations[place](code)[:, :, None, None].chunk(2, 1)
                maps = functional.relu(maps * (1 + scale) + shift)
            if self._grown[place]:
                maps = functional.interpolate(maps, scale_factor=2.0, mode="nearest")
        return maps


class Stylizer(nn.Module):
    """Encoder, adaptive instance normalisation and decoder.

    Attributes:
        multiple, least: what sides must be multiples of, and not below.
    """

    def __init__(self, stack: FeatureStack) -> None:
        super().__init__()
        self.encoder = StyleEncoder(stack)
        self.decoder = Decoder(self.encoder)
        self.multiple = stack.multiple
        self.least = max(LEAST, 4 * self.multiple)

    def forward(self, images: Tensor, content: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        """Images with the content of some and the style of others.

        Args:
            images: float32 (n, 3, height, width) in -1..1.
            content: their codes, (n, values), or those of the whole images that they are tiles of.
            style: codes, (n, values).
            strength: (n, 1), 0..1: the way from the content's statistics to the style's (equation 14).

        Returns:
            float32 (n, 3, height, width), about -1..1.
        """
        maps = self.encoder(images)[-1]
        wanted = content + strength * (style - content)
        mean, deviation = self._deepest(content)
        new_mean, new_deviation = self._deepest(wanted)
        return cast("Tensor", self.decoder((maps - mean) / deviation * new_deviation + new_mean, wanted))  # equation 8

    def _deepest(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the deepest level, each (n, channels, 1, 1)."""
        channels, half = self.encoder.channels[-1], self.encoder.values // 2
        means, deviations = code[:, half - channels : half], code[:, 2 * half - channels :]
        return means[:, :, None, None], deviations[:, :, None, None]
