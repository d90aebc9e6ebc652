"""DiscoGAN: two generators and two critics that discover how domains relate (Kim et al. 2017, "Learning to Discover
Cross-Domain Relations with Generative Adversarial Networks", arXiv 1703.05192), which the report on digits and maps
names as its future work (row G10).

    L_G = L_GAN_B + L_CONST_A + L_GAN_A + L_CONST_B    (equation 7)
    L_D = L_D_A + L_D_B                                (equation 8)

This is CycleGAN's pair of players under other names: L_CONST is the cycle, as mean squares and with the weight 1, L_GAN
is cross-entropy, there is neither identity loss nor pool (sections 2.2 to 2.4). What differs are the networks (section
2.5): an encoder and a decoder with no way around the narrowest place, so that forms may change and not only colours,
and critics of whole images. Our images are -1..1 everywhere, so that the last layer is a tanh and no sigmoid; the
feature matching of the public code is not in the paper.
"""

from itertools import pairwise
from typing import Annotated, Literal, cast

from pydantic import Field
from torch import Tensor, nn

from training.adversarial.blocks import SLOPE, initialise_weights
from training.recipe import Count, NotNegative, Positive, Recipe
from training.translators.cyclegan import CycleGan, CycleWeights
from training.translators.options import Options, check_size, options_of
from training.translators.patchgan import PatchCritic, PatchPlan


class EncoderDecoderPlan(Options):
    """What a generator is made of.

    Attributes:
        halvings: and doublings: "four to five" (section 2.5).
        width: maps after the first layer; they double with every halving.
        most: maps of a layer at most.
    """

    halvings: Annotated[int, Field(ge=2)] = 4
    width: Positive = 64
    most: Positive = 512


class DiscoGanOptions(CycleWeights):
    """What a recipe may say of DiscoGAN; the weights are those of equation 7."""

    cycle: NotNegative = 1.0
    identity: NotNegative = 0.0
    distance: Literal["l1", "l2"] = "l2"
    pool: Count = 0
    generator: EncoderDecoderPlan = EncoderDecoderPlan()
    critic: PatchPlan = PatchPlan(strided=4, ending="whole", norm="batch")


class EncoderDecoder(nn.Module):
    """Convolutions that halve, with LeakyReLU, then transposed ones that double, with ReLU (figure 2 and section 2.5).

    Attributes:
        multiple: of a side, 2 to the power of the halvings.
        least: side of the smallest image.
        local: whether tiles can be translated one by one.
    """

    local = True

    def __init__(self, plan: EncoderDecoderPlan, channels: int = 3) -> None:
        """Args:
        plan: of the layers.
        channels: of both images.
        """
        super().__init__()
        widths = [min(plan.width << place, plan.most) for place in range(plan.halvings)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after)]
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        for before, after in pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after)]
            layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[0], channels, 4, 2, 1), nn.Tanh())
        self.multiple = 2**plan.halvings
        self.least = 2 * self.multiple  # a single pixel has no deviation
        initialise_weights(self, "gaussian")

    def forward(self, images: Tensor) -> Tensor:
        """Translated images, float32 (n, channels, height, width) in -1..1, of such images."""
        return cast(Tensor, self.layers(images))


def build_discogan(recipe: Recipe) -> CycleGan:
    """All players of a recipe.

    Raises:
        TrainingError: an option that there is not, data without two domains, or a size that is not halved evenly.
    """
    options = options_of(DiscoGanOptions, recipe.model.options)
    channels = recipe.data.channels
    generators = EncoderDecoder(options.generator, channels), EncoderDecoder(options.generator, channels)
    critics = PatchCritic(options.critic, channels), PatchCritic(options.critic, channels)
    check_size(recipe, generators[0].multiple, generators[0].least)
    return CycleGan(recipe, generators, critics, options)
