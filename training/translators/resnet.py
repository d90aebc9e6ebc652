"""The residual generator of CycleGAN (Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", arXiv 1703.10593, section 4 and appendix 7.2, after Johnson et al. 2016): an encoder that halves
the sides twice, residual blocks that keep them, a decoder.

The cow and horse paper (Cho, section III, figures 9 and 10) has LeakyReLU in the encoder where CycleGAN has ReLU, and
does not say where its images get their range from: the last layer is a tanh, as CycleGAN's.
"""

from typing import cast

from torch import Tensor, nn

from training.adversarial.blocks import Activation, activation, doubling, initialise_weights
from training.recipe import Positive
from training.translators.normalisation import normalisation
from training.translators.options import Options


class ResNetPlan(Options):
    """What a residual generator is made of.

    Attributes:
        width: maps at the full size; they double with every halving.
        blocks: residual ones: 9 for images of 256 pixels, 6 for 128 (appendix 7.2).
        halvings: of the sides in the encoder.
        activation: of the encoder: "relu" or "leaky".
        resized: whether the decoder enlarges by nearest pixels and a convolution; a transposed one, whose kernel of 3
            is no multiple of its stride, leaves a checkerboard (Odena et al. 2016).
    """

    width: Positive = 64
    blocks: Positive = 9
    halvings: Positive = 2
    activation: Activation = "relu"
    resized: bool = False


class ResNetGenerator(nn.Module):
    """A generator of images from images, for sides that are multiples of `multiple`.

    Attributes:
        multiple: of a side, 2 to the power of the halvings.
        least: side of the smallest image.
        local: False: instance normalisation sees the whole image.
        encoder_widths: maps of what `encode` gives, in its order.
    """

    local = False

    def __init__(self, plan: ResNetPlan | None = None, channels: int = 3) -> None:
        """Args:
        plan: of the layers; None: the paper's.
        channels: of both images.
        """
        super().__init__()
        plan = plan or ResNetPlan()
        widths = [plan.width << place for place in range(plan.halvings + 1)]
        self.first = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(channels, widths[0], 7, bias=False), *_normalised(widths[0], plan)
        )
        self.halvings = nn.ModuleList(nn.Conv2d(maps, 2 * maps, 3, 2, 1, bias=False) for maps in widths[:-1])
        self.normalised = nn.ModuleList(nn.Sequential(*_normalised(maps, plan)) for maps in widths[1:])
        self.blocks = nn.ModuleList(Residual(widths[-1]) for _ in range(plan.blocks))
        decoder = [(doubling(2 * maps, maps, 3, resized=plan.resized), *_normalised(maps)) for maps in widths[-2::-1]]
        self.decoder = nn.Sequential(*(layer for step in decoder for layer in step))
        self.image = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(widths[0], channels, 7), nn.Tanh())
        self.multiple = 2**plan.halvings
        self.least = 4 * self.multiple  # reflection takes 3 pixels of the sides, and deviations need some
        self.encoder_widths = (channels, *widths[1:], widths[-1], widths[-1])
        initialise_weights(self, "gaussian")

    def forward(self, images: Tensor) -> Tensor:
        """Translated images, float32 (n, channels, height, width) in -1..1, of such images."""
        return self.translate(images)[0]

    def translate(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Translated images, and what `encode` gives on the way."""
        features, seen = self._enter(images)
        middle = len(self.blocks) // 2
        for place, block in enumerate(self.blocks):
            features = block(features)
            if place in (0, middle):
                seen.append(features)
        return cast(Tensor, self.image(self.decoder(features))), seen

    def encode(self, images: Tensor) -> list[Tensor]:
        """Features of the encoder as CUT compares them, fine to coarse: the pixels, each halving convolution, the first
        and the middle residual block; float (n, maps, height, width) with the maps of `encoder_widths`.
        """
        features, seen = self._enter(images)
        for place, block in enumerate(self.blocks[: len(self.blocks) // 2 + 1]):
            features = block(features)
            if place in (0, len(self.blocks) // 2):
                seen.append(features)
        return seen

    def _enter(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        features, seen = self.first(images), [images]
        for halving, normalised in zip(self.halvings, self.normalised, strict=True):
            features = halving(features)
            seen.append(features)
            features = normalised(features)
        return features, seen


class Residual(nn.Module):
    """Two convolutions beside a direct way (appendix 7.2: Rk)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(maps, maps, 3, bias=False),
            normalisation("instance", maps),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(maps, maps, 3, bias=False),
            normalisation("instance", maps),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape."""
        return cast(Tensor, features + self.layers(features))


def _normalised(maps: int, plan: ResNetPlan | None = None) -> tuple[nn.Module, nn.Module]:
    """Normalisation, and the encoder's activation; without a plan the decoder's."""
    return normalisation("instance", maps), activation(plan.activation if plan else "relu")
