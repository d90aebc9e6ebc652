"""The U-Net of pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
arXiv 1611.07004, section 3.2.1 and appendix 6.1.1): what is halved on the way in is doubled on the way out, and every
size hands its features over directly.

The report on maps ("Image translation by GAN", section 4.2, figure 5) has seven blocks each way, every one of them
convolution, batch normalisation and LeakyReLU; the paper and its public code have eight, ReLU on the way out, and no
normalisation in the outermost and innermost blocks. Both have the noise of the generator as dropout in the inner
blocks (section 2.1: other noise is ignored); when the network serves there is none, so that an image has one
translation.
"""

from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from training.adversarial.blocks import SLOPE, Activation, activation, initialise_weights
from training.recipe import Fraction, Positive
from training.translators.normalisation import Norm, is_local, normalisation
from training.translators.options import Options

DROPPED_BLOCKS = 3
"""Blocks on the way out that have dropout, from the innermost on (appendix 6.1.1: CD512-CD512-CD512-...)."""


class UNetPlan(Options):
    """What a U-Net is made of.

    Attributes:
        halvings: blocks each way, at least 2: 8 in the paper, 7 in the report.
        width: maps after the first block; they double with every halving.
        most: maps of a block at most.
        norm: "batch" or "instance".
        normalised: blocks with normalisation: "inner": all but the outermost and the innermost, as the paper's code
            has it; "all": as the report has it.
        activation: of the way out: "relu" or "leaky".
        dropout: share of values dropped in inner blocks.
    """

    halvings: Annotated[int, Field(ge=2)] = 8
    width: Positive = 64
    most: Positive = 512
    norm: Norm = "batch"
    normalised: Literal["inner", "all"] = "inner"
    activation: Activation = "relu"
    dropout: Fraction = 0.5


class UNet(nn.Module):
    """A generator of images from images, for sides that are multiples of `multiple`.

    Attributes:
        multiple: of a side, 2 to the power of the halvings.
        least: side of the smallest image.
        local: whether tiles can be translated one by one.
    """

    def __init__(self, plan: UNetPlan | None = None, channels: int = 3) -> None:
        """Args:
        plan: of the blocks; None: the paper's.
        channels: of both images.
        """
        super().__init__()
        plan = plan or UNetPlan()
        widths = [min(plan.width << place, plan.most) for place in range(plan.halvings)]
        last = plan.halvings - 1
        self.ways_in = nn.ModuleList(
            _way_in(before, after, plan, place)
            for place, (before, after) in enumerate(zip([channels, *widths], widths, strict=False))
        )
        self.ways_out = nn.ModuleList(
            _way_out(widths[place] * (1 if place == last else 2), widths[place - 1], plan, inner=last - place)
            for place in range(last, 0, -1)
        )
        self.image = nn.Sequential(
            activation(plan.activation, inplace=False), nn.ConvTranspose2d(2 * widths[0], channels, 4, 2, 1), nn.Tanh()
        )
        self.multiple = 2**plan.halvings
        self.local = is_local(self)
        inner = self.local and plan.normalised == "inner"
        self.least = self.multiple if inner else 2 * self.multiple  # a single pixel has no deviation
        initialise_weights(self, "gaussian")

    def forward(self, images: Tensor) -> Tensor:
        """Translated images, float32 (n, channels, height, width) in -1..1, of such images."""
        handed_over = []
        features = images
        for way_in in self.ways_in:
            features = way_in(features)
            handed_over.append(features)
        handed_over.pop()  # the innermost goes on by itself
        for way_out in self.ways_out:
            features = torch.cat((way_out(features), handed_over.pop()), dim=1)
        return cast(Tensor, self.image(features))


def _way_in(before: int, after: int, plan: UNetPlan, place: int) -> nn.Sequential:
    """A block that halves the side; the first one sees pixels, which need no activation."""
    normalised = plan.normalised == "all" or 0 < place < plan.halvings - 1
    layers: list[nn.Module] = [nn.LeakyReLU(SLOPE)] if place else []
    layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=not normalised))
    return nn.Sequential(*layers, *([normalisation(plan.norm, after)] if normalised else []))


def _way_out(before: int, after: int, plan: UNetPlan, inner: int) -> nn.Sequential:
    """A block that doubles the side; `inner` counts from the innermost, 0."""
    layers = [
        activation(plan.activation, inplace=False),  # what it changes is handed over too
        nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        normalisation(plan.norm, after),
    ]
    if plan.dropout and inner < DROPPED_BLOCKS:
        layers.append(nn.Dropout(plan.dropout))
    return nn.Sequential(*layers)
