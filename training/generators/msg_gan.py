"""MSG-GAN: the critic sees the image at every scale that the generator makes it at (Karnewar and Wang, CVPR 2020,
arXiv 1903.06048), the step that the HKUST report suggests after its failing experiments (section 4.2.3; row G6).

Gradients of the critic reach every scale of the generator directly (section 2), so that the coarse scales, where made
and real images overlap soonest, give a direction while the fine ones have none yet. The networks are the paper's
MSG-ProGAN (section 2.1): blocks of two convolutions between doublings of the side, with normalised pixels and
equalised learning rates (Karras et al., ProGAN, arXiv 1710.10196, sections 4.1 and 4.2) and the critic's view of how
much a batch varies (ProGAN, section 3). Ours ends in Tanh, since images are -1..1 everywhere here, and its widths are
options: the paper's 512 maps are for 1024 x 1024 pixels.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial.gan import Batch, GanModel, settings_of
from training.adversarial.model import Latent
from training.adversarial.penalties import Images
from training.errors import TrainingError
from training.recipe import Recipe


class MsgGan(GanModel):
    """The two players of section 2: what is made and what is real is shown at every scale."""

    generator: "MsgGenerator"

    def real(self, batch: Batch) -> Images:
        """The batch's images and their averages, coarse to fine."""
        return averaged_scales(batch.images)

    def make(self, batch: Batch) -> Images:
        """As many images at every scale, coarse to fine."""
        return self.generator.scales(self.latent.draw(len(batch.images), batch.images.device))

    def answers(self, images: Images, labels: Tensor) -> tuple[Tensor, None]:
        """The critic's answers (n,) to images at every scale."""
        return self.critic(images).float(), None


class MsgGenerator(nn.Module):
    """g of section 2.1: a block for each scale, and after each a 1 x 1 convolution r that shows it as an image."""

    classes = 0

    def __init__(
        self, size: int = 64, channels: int = 3, latent: int = 128, width: int = 128, narrowest: int = 16
    ) -> None:
        """Args:
        size: of the finest images: 4 times a power of two.
        channels: 3, or 1 for grey.
        latent: values of a vector.
        width: maps at 4 x 4 and 8 x 8; from there they halve with every doubling of the side.
        narrowest: least maps of a scale.
        """
        super().__init__()
        self.latent = Latent(latent)
        widths = scale_widths(size, width, narrowest)
        self.begin = EqualConv(latent, widths[0] * 16, 1)
        blocks = [_Block(widths[0], widths[0])]
        blocks += [_Block(before, after) for before, after in pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.shown = nn.ModuleList(EqualConv(maps, channels, 1) for maps in widths)

    def scales(self, latents: Tensor) -> Images:
        """The images of these latent vectors (n, latent.size) at every scale, coarse to fine."""
        features = self.begin(_normalised(latents[:, :, None, None]))
        features = features.flatten(1).unflatten(1, (-1, 4, 4))
        images = []
        for number, (block, show) in enumerate(zip(self.blocks, self.shown, strict=True)):
            if number:
                features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(features)
            images.append(torch.tanh(show(features)))
        return tuple(images)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """The finest images, as `ImageGenerator` says; `labels` are not used."""
        return self.scales(latents)[-1]


class MsgCritic(nn.Module):
    """d of section 2.1: the image of every scale joins the features there.

    They are concatenated, the simplest of the paper's three combinations.
    """

    def __init__(self, size: int = 64, channels: int = 3, width: int = 128, narrowest: int = 16) -> None:
        """The arguments are the generator's."""
        super().__init__()
        widths = [*reversed(scale_widths(size, width, narrowest))]
        self.size = size
        self.first = EqualConv(channels, widths[0], 1)
        following = [*widths[1:], widths[-1]]
        joined = [widths[0], *(maps + channels for maps in widths[1:])]
        self.blocks = nn.ModuleList(
            nn.Sequential(EqualConv(inside, maps, 3), nn.LeakyReLU(0.2), EqualConv(maps, after, 3), nn.LeakyReLU(0.2))
            for inside, maps, after in zip(joined[:-1], widths[:-1], following[:-1], strict=True)
        )
        last = widths[-1]
        self.end = nn.Sequential(
            EqualConv(joined[-1] + 1, last, 3),
            nn.LeakyReLU(0.2),
            EqualConv(last, last, 4, padding=0),
            nn.LeakyReLU(0.2),
            EqualConv(last, 1, 1),
            nn.Flatten(0),
        )

    def forward(self, images: Tensor | Sequence[Tensor], labels: Tensor | None = None) -> Tensor:
        """Logits (n,) of being real.

        Args:
            images: at every scale, coarse to fine, or only the finest, whose coarser scales are then their averages,
                as real images are shown (section 2.1).
            labels: not used.
        """
        *coarser, finest = averaged_scales(images) if isinstance(images, Tensor) else images
        features = functional.leaky_relu(self.first(finest), 0.2)
        for block, image in zip(self.blocks, reversed(coarser), strict=True):
            features = functional.avg_pool2d(block(features), 2)
            features = torch.cat((features, image), dim=1)
        return cast(Tensor, self.end(_with_deviation(features)))


def build_msg_gan(recipe: Recipe, *, latent: int = 128, width: int = 128, narrowest: int = 16) -> MsgGan:
    """Both players of a recipe; the options are those of the networks.

    Raises:
        TrainingError: a size that is not reached from 4 x 4 by doubling.
    """
    size, channels = recipe.model.size, recipe.data.channels
    generator = MsgGenerator(size, channels, latent, width, narrowest)
    return MsgGan(generator, MsgCritic(size, channels, width, narrowest), settings_of(recipe))


class EqualConv(nn.Module):
    """A convolution whose weights are scaled when used, so that all learn at one speed (ProGAN, section 4.1)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._scale = (2 / (inputs * kernel**2)) ** 0.5
        self._padding = kernel // 2 if padding is None else padding

    def forward(self, features: Tensor) -> Tensor:
        return functional.conv2d(features, self.weight * self._scale, self.bias, padding=self._padding)


class _Block(nn.Module):
    """Two convolutions, each with LeakyReLU 0.2 and normalised pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = EqualConv(inputs, outputs, 3), EqualConv(outputs, outputs, 3)

    def forward(self, features: Tensor) -> Tensor:
        for convolution in (self.first, self.second):
            features = _normalised(functional.leaky_relu(convolution(features), 0.2))
        return features


def averaged_scales(images: Tensor) -> Images:
    """Images (n, channels, size, size) at every scale from 4 x 4 on, each the average of 2 x 2 pixels of the next."""
    scales = [images]
    while scales[0].shape[-1] > 4:
        scales.insert(0, functional.avg_pool2d(scales[0], 2))
    return tuple(scales)


def scale_widths(size: int, width: int, narrowest: int) -> list[int]:
    """Maps at each scale, coarse to fine.

    Raises:
        TrainingError: a size that is not reached from 4 x 4 by doubling.
    """
    doublings = (size // 4).bit_length() - 1
    if doublings < 1 or size != 4 * 2**doublings:
        raise TrainingError(f"model.size = {size}: the scales of MSG-GAN begin at 4 x 4 and double: 8, 16, 32, 64, ...")
    return [max(width >> max(0, place - 1), narrowest) for place in range(doublings + 1)]


def _normalised(features: Tensor) -> Tensor:
    """Every pixel's features with a mean square of 1 (ProGAN, section 4.2)."""
    return features * (features.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def _with_deviation(features: Tensor) -> Tensor:
    """One more map: how much the images of the batch differ, so that a collapse shows (ProGAN, section 3)."""
    deviation = (features.var(dim=0, correction=0) + 1e-8).sqrt().mean()
    return torch.cat((features, deviation.expand(len(features), 1, *features.shape[2:])), dim=1)
