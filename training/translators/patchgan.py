"""PatchGAN, the critic that judges every patch of an image by itself (Isola et al. 2017, arXiv 1611.07004, section
3.2.2 and appendix 6.1.2): a convolution over the image whose answers each see 70 x 70 pixels.

The cow and horse paper (Cho, section III, figure 11) has another one: four blocks that halve the side, from 256 to
512 maps of 16 x 16, and one convolution that makes a 16 x 16 map of them; its patches are larger than it says, and no
image is cut into patches by either.
"""

from typing import Literal, cast

from torch import Tensor, nn

from training.adversarial.blocks import SLOPE, halving, initialise_weights, normalise_spectrally
from training.recipe import Positive
from training.translators.normalisation import normalisation
from training.translators.options import Options

KERNEL = 4


class PatchPlan(Options):
    """What a critic is made of.

    Attributes:
        width: maps after the first layer; they double with every layer, up to eight times as many.
        strided: layers that halve the side: 3 see 70 x 70 pixels, 2 see 34 x 34, 1 sees 16 x 16.
        ending: "patch": another layer that keeps the side, then the answers, as the paper has it; "map": the answers at
            once, one for each place of the last features, as the cow and horse paper has it; "whole": the answers of
            4 x 4 places at once, which for 64 pixels and four halvings is one answer, as DCGAN and DiscoGAN have it.
        norm: of all layers but the first: "batch", "instance", or "spectral" for normalised weights of every layer.
    """

    width: Positive = 64
    strided: Positive = 3
    ending: Literal["patch", "map", "whole"] = "patch"
    norm: Literal["batch", "instance", "spectral"] = "instance"


class PatchCritic(nn.Module):
    """Answers of many patches."""

    def __init__(self, plan: PatchPlan | None = None, channels: int = 3) -> None:
        """Args:
        plan: of the layers; None: the paper's, 70 x 70.
        channels: of what it sees; 6 for a pair.
        """
        super().__init__()
        plan = plan or PatchPlan()
        widths = [plan.width * min(2**place, 8) for place in range(plan.strided + 1)]
        layers: list[nn.Module] = [halving(channels, widths[0], KERNEL, bias=True), nn.LeakyReLU(SLOPE, inplace=True)]
        for place in range(1, plan.strided):
            layers += _layer(halving(widths[place - 1], widths[place], KERNEL, bias=_biased(plan)), widths[place], plan)
        self.layers = nn.Sequential(*layers, *_ending(widths[-2], widths[-1], plan))
        initialise_weights(self, "gaussian")
        if plan.norm == "spectral":
            normalise_spectrally(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 1, rows, columns) of being real, one for each patch, of images (n, channels, height, width)."""
        return cast(Tensor, self.layers(images))


def _ending(before: int, after: int, plan: PatchPlan) -> list[nn.Module]:
    match plan.ending:
        case "patch":
            keeping = nn.Conv2d(before, after, KERNEL, padding=1, bias=_biased(plan))
            return [*_layer(keeping, after, plan), nn.Conv2d(after, 1, KERNEL, padding=1)]
        case "map":
            return [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(before, 1, KERNEL)]  # an even kernel alone keeps no side
        case "whole":
            return [nn.Conv2d(before, 1, KERNEL)]


def _biased(plan: PatchPlan) -> bool:
    return plan.norm == "spectral"  # the others take the mean away


def _layer(convolution: nn.Conv2d, maps: int, plan: PatchPlan) -> list[nn.Module]:
    normalised = [] if plan.norm == "spectral" else [normalisation(plan.norm, maps)]
    return [convolution, *normalised, nn.LeakyReLU(SLOPE, inplace=True)]
