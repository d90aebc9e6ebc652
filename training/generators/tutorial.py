"""The DCGAN of TensorFlow's tutorial "Deep Convolutional Generative Adversarial Network", layer by layer (row G11).

The proposal that this repository began with builds on it (section 3, reference 2). What differs between the two
libraries is carried over, not left to PyTorch's defaults: Keras' batch normalisation (epsilon 1e-3, its averages keep
99 %), its LeakyReLU (slope 0.3) and its initialisation (Glorot's uniform, biases 0). One thing cannot be: with stride 2
Keras pads one pixel more on the right than on the left, PyTorch alike on both sides; sizes and weights are the same.
"""

from typing import cast

from torch import Tensor, nn

from training.adversarial.blocks import initialise_weights
from training.adversarial.gan import GanModel, settings_of
from training.adversarial.model import Latent
from training.errors import TrainingError
from training.recipe import Recipe

SLOPE = 0.3
"""Of Keras' LeakyReLU where none is given."""

_EPSILON, _MOMENTUM = 1e-3, 0.01
"""Of Keras' batch normalisation, in PyTorch's terms."""


class TutorialGenerator(nn.Module):
    """The tutorial's `make_generator_model`: a dense layer to 256 maps, then three transposed convolutions.

    With its 28 x 28 grey images it has 2,305,472 weights that are trained, as Keras' summary says.
    """

    classes = 0

    def __init__(self, size: int = 28, channels: int = 1, latent: int = 100) -> None:
        super().__init__()
        _check(size)
        self.latent = Latent(latent)
        side = size // 4
        self.layers = nn.Sequential(
            nn.Linear(latent, 256 * side**2, bias=False),
            nn.BatchNorm1d(256 * side**2, _EPSILON, _MOMENTUM),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (256, side, side)),
            nn.ConvTranspose2d(256, 128, 5, 1, padding=2, bias=False),
            nn.BatchNorm2d(128, _EPSILON, _MOMENTUM),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(128, 64, 5, 2, padding=2, output_padding=1, bias=False),
            nn.BatchNorm2d(64, _EPSILON, _MOMENTUM),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(64, channels, 5, 2, padding=2, output_padding=1, bias=False),
            nn.Tanh(),
        )
        initialise_weights(self, "glorot")

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, as `ImageGenerator` says; `labels` are not used."""
        return cast(Tensor, self.layers(latents))


class TutorialCritic(nn.Module):
    """The tutorial's `make_discriminator_model`: two convolutions with dropout 0.3 and a dense layer.

    With 28 x 28 grey images it has 212,865 weights, as Keras' summary says.
    """

    def __init__(self, size: int = 28, channels: int = 1, dropout: float = 0.3) -> None:
        super().__init__()
        _check(size)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 64, 5, 2, padding=2),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Conv2d(64, 128, 5, 2, padding=2),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(128 * (size // 4) ** 2, 1),
        )
        initialise_weights(self, "glorot")

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (n,) of being real, of images (n, channels, size, size); `labels` are not used."""
        return cast(Tensor, self.layers(images)).flatten()


def build_tutorial(recipe: Recipe, *, latent: int = 100, dropout: float = 0.3) -> GanModel:
    """Both players of a recipe; the options are those of the networks.

    Raises:
        TrainingError: the networks cannot make images of that size.
    """
    size, channels = recipe.model.size, recipe.data.channels
    return GanModel(
        TutorialGenerator(size, channels, latent), TutorialCritic(size, channels, dropout), settings_of(recipe)
    )


def _check(size: int) -> None:
    if size % 4:
        raise TrainingError(f"model.size = {size}: the tutorial's networks double twice, so it must be a multiple of 4")
