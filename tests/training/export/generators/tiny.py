"""A generator and a critic that are small enough for tests: one convolution each, and weights that give contrast."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.adversarial.model import Latent
from training.export.generators.trained import TrainedGenerator
from training.recipe import Recipe, load_recipe

SIDE = 16
VALUES = 12


class Tiny(nn.Module):
    """After `training.adversarial.model.ImageGenerator`: images of 16 x 16 pixels."""

    def __init__(self, classes: int = 0, channels: int = 3) -> None:
        super().__init__()
        self.latent, self.classes = Latent(VALUES, "uniform"), classes
        self.shades = nn.Embedding(max(1, classes), VALUES)
        self.grow = nn.ConvTranspose2d(VALUES, 32, SIDE // 2)
        self.norm = nn.BatchNorm2d(32)
        self.show = nn.ConvTranspose2d(32, channels, 4, 2, padding=1)
        random = torch.Generator().manual_seed(1)
        for weights in self.parameters():
            nn.init.normal_(weights, 0, 0.3, generator=random)
        self.eval()

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            latents = latents + self.shades(labels)
        return cast(Tensor, self.show(self.norm(self.grow(latents[:, :, None, None])).relu())).tanh()


class Compared(Tiny):
    """Looks at all images of a batch, as no served generator may."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        images = super().forward(latents, labels)
        return images - images.mean(dim=0)


class Steep(Tiny):
    """So steep that the last digits of its weights decide what it makes."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return (300 * super().forward(latents, labels)).tanh()


class Given(nn.Module):
    """Shows its latent values as they are."""

    latent, classes = Latent(VALUES), 0

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return latents.reshape(-1, 1, 3, 4) + self.nothing


class TinyCritic(nn.Module):
    """Of Tiny's images; with spectral normalisation, whose weights are computed anew at every call."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.look = spectral_norm(nn.Conv2d(channels, 8, SIDE))
        self.say = nn.Linear(8, 1)
        self.eval()

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return cast(Tensor, self.say(self.look(images).flatten(1))).flatten()


def recipe(classes: int = 0) -> Recipe:
    """Of a published generator, for whatever a card says of a recipe."""
    return load_recipe("acgan-digits-modern" if classes else "dcgan-tf-tutorial", smoke=True)


def trained(network: nn.Module, critic: nn.Module | None = None) -> TrainedGenerator:
    """What export takes."""
    return TrainedGenerator(recipe(int(str(network.classes))), network, {}, critic)
