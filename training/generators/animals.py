"""Cows and horses at 256 x 256 as the augmentation paper generates them, and its future work (rows G12, G13).

The paper ("GAN Network Architecture", figures 5 and 6, table II): a vector of 125 uniform values becomes an image by
transposed convolutions with batch normalisation and ReLU, the last with Tanh; one generator for each class. The critic
is a ResNet-18 that was trained before, its last layer replaced by one of one output. Where the paper is silent:
kernels of 4 as in DCGAN (arXiv 1511.06434), 512 maps at 4 x 4 that halve with every doubling of the side, which makes
seven transposed convolutions up to 256 x 256; the uniform values lie in -1..1.

The paper sees its critic win from the start and names the cure as future work (section IV): a critic in the image of
the generator, with LeakyReLU. That is `LeakyCritic`, with spectral normalisation (Miyato et al. 2018, arXiv 1802.05957)
in the place of batch normalisation. `frozen` is the other cure: the layers of a trained critic that see edges and
textures are kept as they are (Mo et al. 2020, "Freeze the Discriminator", arXiv 2002.10964, section 3).
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from training.adversarial.blocks import initialise_weights, normalise_spectrally
from training.adversarial.gan import GanModel, settings_of
from training.adversarial.model import Latent
from training.checkpoint import initialise
from training.errors import TrainingError
from training.recipe import Recipe

STAGES = 5
"""What can be frozen of a ResNet-18: table II's conv1 .. conv5."""


class AnimalGenerator(nn.Module):
    """Transposed convolutions from 1 x 1: to 4 x 4 by the first, doubled by each of the others (figure 5)."""

    classes = 0

    def __init__(
        self, size: int = 256, channels: int = 3, latent: int = 125, width: int = 512, narrowest: int = 16
    ) -> None:
        """Args:
        size: of its images: 4 times a power of two.
        channels: 3, or 1 for grey.
        latent: values of a vector.
        width: maps at 4 x 4; they halve with every doubling of the side.
        narrowest: least maps of a layer.
        """
        super().__init__()
        widths = _widths(size, width, narrowest)
        self.latent = Latent(latent, "uniform")
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], 4, bias=False)]
        for maps, following in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(maps, following, 4, 2, padding=1, bias=following == channels))
        self.layers = nn.Sequential(*layers, nn.Tanh())
        initialise_weights(self, "gaussian")

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, as `ImageGenerator` says; `labels` are not used."""
        return cast(Tensor, self.layers(latents[:, :, None, None]))


class ResNetCritic(nn.Module):
    """torchvision's ResNet-18 with one output (table II; its average pooling gives 1 x 1 x 512, not 1 x 1 x 1).

    It sees what its weights were trained on: images of 0..1, normalised as torchvision's pretrained networks want it.
    """

    def __init__(self, channels: int = 3, frozen: int = 0) -> None:
        """Args:
            channels: 3, or 1 for grey, which is shown to all three.
            frozen: stages 0..5 whose weights and averages stay as they are.

        Raises:
            TrainingError: there are not as many stages.
        """
        super().__init__()
        if not 0 <= frozen <= STAGES:
            raise TrainingError(f"model.options.frozen = {frozen}: a ResNet-18 has stages 0 to {STAGES} to freeze")
        self.frozen = frozen
        self.network = resnet18(weights=None)
        self.network.fc = nn.Linear(512, 1)
        self._channels = channels
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)
        for layer in self._frozen_layers():
            layer.requires_grad_(False)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (n,) of being real, of images (n, channels, height, width) in -1..1; `labels` are not used."""
        shown = ((images + 1) / 2).expand(-1, 3, -1, -1)
        return cast(Tensor, self.network((shown - self.mean) / self.deviation)).flatten()

    def train(self, mode: bool = True) -> "ResNetCritic":
        """As every module, but frozen layers keep their averages."""
        super().train(mode)
        for layer in self._frozen_layers():
            layer.eval()
        return self

    def _frozen_layers(self) -> Iterator[nn.Module]:
        stages = (
            (self.network.conv1, self.network.bn1),
            (self.network.layer1,),
            (self.network.layer2,),
            (self.network.layer3,),
            (self.network.layer4,),
        )
        for stage in stages[: self.frozen]:
            yield from stage


class LeakyCritic(nn.Module):
    """The generator's mirror image: convolutions of stride 2 with LeakyReLU 0.2, spectrally normalised."""

    def __init__(self, size: int = 256, channels: int = 3, width: int = 512, narrowest: int = 16) -> None:
        """The arguments are the generator's."""
        super().__init__()
        maps = [channels, *reversed(_widths(size, width, narrowest))]
        layers: list[nn.Module] = []
        for before, after in pairwise(maps):
            layers += [nn.Conv2d(before, after, 4, 2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(maps[-1], 1, 4))
        initialise_weights(self, "gaussian")
        normalise_spectrally(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (n,) of being real, of images (n, channels, size, size) in -1..1; `labels` are not used."""
        return cast(Tensor, self.layers(images)).flatten()


def build_animals(
    recipe: Recipe,
    *,
    critic: Literal["resnet18", "leaky"] = "resnet18",
    critic_weights: str = "",
    frozen: int = 0,
    width: int = 512,
    narrowest: int = 16,
) -> GanModel:
    """Both players of a recipe.

    Args:
        recipe: of a generator; model.size is 256 in the paper, every doubling of 4 works.
        critic: the paper's ResNet-18, or its future work.
        critic_weights: a file of a trained ResNet-18, torchvision's or a judge's, that the critic starts from; "": new
            weights.
        frozen: stages of the ResNet-18 that stay as they are.
        width: maps at 4 x 4.
        narrowest: least maps of a layer.

    Raises:
        TrainingError: there is no such critic or file, or a size or number that the networks do not allow.
    """
    size, channels = recipe.model.size, recipe.data.channels
    generator = AnimalGenerator(size, channels, width=width, narrowest=narrowest)
    if critic == "leaky":
        return GanModel(generator, LeakyCritic(size, channels, width, narrowest), settings_of(recipe))
    if critic != "resnet18":
        raise TrainingError(f"model.options.critic = '{critic}': there are 'resnet18' and 'leaky'")
    residual = ResNetCritic(channels, frozen)
    if critic_weights:
        initialise(residual, Path(critic_weights), prefixes=("network.", ""))
    return GanModel(generator, residual, settings_of(recipe))


def _widths(size: int, width: int, narrowest: int) -> list[int]:
    """Maps at 4 x 4, 8 x 8, ... up to half the size."""
    doublings = (size // 4).bit_length() - 1
    if doublings < 1 or size != 4 * 2**doublings:
        raise TrainingError(f"model.size = {size}: these networks begin at 4 x 4 and double: 8, 16, 32, ... 256")
    return [max(width >> place, narrowest) for place in range(doublings)]
