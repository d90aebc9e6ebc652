"""DCGAN in all the variants of the HKUST report's three experiments (Radford et al. 2016, arXiv 1511.06434; G1-G5).

Convolutions with stride instead of pooling, transposed ones upwards, no fully connected layers, batch normalisation
everywhere but at the images, ReLU in the generator and LeakyReLU in the critic (section 3). The report has "5 CNN
layers (stride 2 and kernel size 5)" for 64 x 64 pixels (3.2.1), which would end at 2 x 2, and LeakyReLU and ReLU the
other way round. Two readings, by the option `stem`:

- "convolution", corrected: a 4 x 4 convolution without stride stands between vector and 4 x 4 maps (and, mirrored,
  between 4 x 4 maps and the answer) and counts as a layer; what `layers` has more than the doublings need are layers of
  stride 1 at 4 x 4. 64 pixels: 5 layers are this one and four with stride, 6 have one of stride 1 more.
- "dense", literal: every one of `layers` has stride 2, down to 2 x 2 with five and 1 x 1 with six, and a dense layer
  stands before (after) them, as in TensorFlow's tutorial, which the report builds on.

The report gives no widths: `filters` of the layer beside the image double with every layer, up to eight times.

`conditional` tells both networks the class: every class has its own scales and shifts in the generator's batch
normalisation (de Vries et al. 2017, arXiv 1707.00683), and the critic adds the inner product of its last maps with a
learned vector of the class (Miyato and Koyama 2018, arXiv 1802.05637, equation 3).
"""

from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.adversarial.blocks import (
    Activation,
    ClassNorm,
    Initialisation,
    ResidualHalving,
    activation,
    doubling,
    halving,
    initialise_weights,
    normalise_spectrally,
)
from training.adversarial.gan import GanModel, settings_of
from training.adversarial.model import Latent
from training.errors import TrainingError
from training.recipe import Recipe

Many = Annotated[int, Field(ge=1)]

_FLAT_KERNEL = 3
"""Of layers without stride: on 4 x 4 maps a larger one would mostly see the border."""

_SMALLEST = 4
"""Side of the maps that a "convolution" stem leads to."""


class DcganOptions(BaseModel):
    """What a recipe may choose of both networks.

    Attributes:
        layers: convolutions of each network.
        stem: "convolution" or "dense", as this module says.
        kernel: side of the kernels with stride.
        filters: maps of the layer beside the image.
        latent: values of a vector.
        distribution: that they are drawn from.
        generator_activation: inside the generator; Tanh is its last.
        critic_activation: inside the critic.
        critic_norm: "batch", "spectral" (Miyato et al. 2018) or "none".
        dropout: share of the values that the critic forgets after each activation.
        initialisation: of all weights.
        resized: grow by nearest pixels and a convolution instead of a transposed convolution.
        residual: the critic's layers with stride are residual blocks, for "spectral" and "none".
        conditional: images are asked for by class.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    layers: Many = 5
    stem: Literal["convolution", "dense"] = "convolution"
    kernel: Annotated[int, Field(ge=4, le=7)] = 5
    filters: Many = 64
    latent: Many = 100
    distribution: Literal["normal", "uniform"] = "normal"
    generator_activation: Activation = "relu"
    critic_activation: Activation = "leaky"
    critic_norm: Literal["batch", "spectral", "none"] = "batch"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    initialisation: Initialisation = "gaussian"
    resized: bool = False
    residual: bool = False
    conditional: bool = False


class DcganGenerator(nn.Module):
    """From a latent vector to an image, doubling the side layer by layer."""

    def __init__(self, size: int, channels: int, classes: int, options: DcganOptions) -> None:
        """Args:
            size: side of the image in pixels.
            channels: 3 for colour, 1 for grey.
            classes: that can be asked for; 0: none.
            options: of the recipe.

        Raises:
            TrainingError: the number of layers does not fit the size.
        """
        super().__init__()
        self.latent, self.classes = Latent(options.latent, options.distribution), classes
        side, further = plan(size, options)
        widths = _widths(size, side, options.filters)
        layers: list[nn.Module] = [nn.Unflatten(1, (options.latent, 1, 1))]
        if options.stem == "dense":
            layers = [nn.Linear(options.latent, widths[0] * side**2, bias=False), nn.Unflatten(1, (-1, side, side))]
        else:
            layers.append(nn.ConvTranspose2d(options.latent, widths[0], side, bias=False))
        steps: list[nn.Module] = [
            nn.Conv2d(widths[0], widths[0], _FLAT_KERNEL, padding="same", bias=False) for _ in range(further)
        ]
        steps += [doubling(a, b, options.kernel, resized=options.resized) for a, b in pairwise([*widths, channels])]
        outputs = [widths[0], *[widths[0]] * further, *widths[1:]]
        for maps, step in zip(outputs, steps, strict=True):
            norm = ClassNorm(maps, classes) if classes else nn.BatchNorm2d(maps)
            layers += [norm, activation(options.generator_activation), step]
        self.layers = nn.ModuleList([*layers, nn.Tanh()])
        initialise_weights(self, options.initialisation)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, as `ImageGenerator` says.

        Raises:
            TrainingError: a conditional generator got no labels.
        """
        if self.classes and labels is None:
            raise TrainingError(f"a generator of {self.classes} classes was asked for images without labels")
        features = latents
        for layer in self.layers:
            features = layer(features, labels) if isinstance(layer, ClassNorm) else layer(features)
        return features


class DcganCritic(nn.Module):
    """From an image to the logit of its being real, halving the side layer by layer."""

    def __init__(self, size: int, channels: int, classes: int, options: DcganOptions) -> None:
        """The arguments and errors are the generator's."""
        super().__init__()
        side, further = plan(size, options)
        widths = [channels, *reversed(_widths(size, side, options.filters))]
        self._batch_norm = options.critic_norm == "batch"
        if options.residual and self._batch_norm:
            raise TrainingError(
                "model.options.residual: a residual critic has no batch normalisation: critic_norm must be 'spectral' "
                "or 'none'"
            )
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise(widths)):
            layers += self._layer(before, after, options, first=place == 0)
        for _ in range(further):
            flat = nn.Conv2d(widths[-1], widths[-1], _FLAT_KERNEL, padding="same", bias=not self._batch_norm)
            layers += self._finished(flat, widths[-1], options, first=False)
        values = widths[-1] * side**2
        layers += [nn.Flatten(), nn.Linear(values, 1)] if options.stem == "dense" else [nn.Conv2d(widths[-1], 1, side)]
        self.layers = nn.Sequential(*layers)
        self.projection = nn.Embedding(classes, values) if classes else None
        initialise_weights(self, options.initialisation)
        if options.critic_norm == "spectral":
            normalise_spectrally(self)
            if self.projection is not None:
                spectral_norm(self.projection)

    def _layer(self, before: int, after: int, options: DcganOptions, *, first: bool) -> list[nn.Module]:
        if options.residual and not first:
            block = ResidualHalving(before, after, options.critic_activation)
            return self._finished(block, after, options, first=True)
        bare = first or not self._batch_norm  # batch normalisation has a shift of its own
        return self._finished(halving(before, after, options.kernel, bias=bare), after, options, first=first)

    def _finished(self, step: nn.Module, maps: int, options: DcganOptions, *, first: bool) -> list[nn.Module]:
        """A layer with what follows it; the one at the image has no batch normalisation."""
        layers = [step]
        if self._batch_norm and not first:
            layers.append(nn.BatchNorm2d(maps))
        layers.append(activation(options.critic_activation))
        return [*layers, nn.Dropout(options.dropout)] if options.dropout else layers

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (n,) of images (n, channels, size, size) in -1..1; a conditional critic needs their labels (n,).

        Raises:
            TrainingError: a conditional critic got no labels.
        """
        features: Tensor = self.layers[:-1](images)
        realness: Tensor = self.layers[-1](features).flatten()
        if self.projection is None:
            return realness
        if labels is None:
            raise TrainingError("a conditional critic was asked about images without their labels")
        return realness + cast(Tensor, self.projection(labels) * features.flatten(1)).sum(dim=1)


def build_dcgan(recipe: Recipe, **options: Any) -> GanModel:
    """Both networks of a recipe; `options` are those of `DcganOptions`.

    Raises:
        TrainingError: an option that there is not, or that is out of range, or does not fit the size.
    """
    try:
        chosen = DcganOptions(**options)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise TrainingError(f"model.options.{field} = {first['input']!r}: {first['msg']}") from None
    size, channels = recipe.model.size, recipe.data.channels
    classes = len(recipe.data.classes) if chosen.conditional else 0
    if chosen.conditional and classes < 2:
        raise TrainingError(f"model.options.conditional: needs two data.classes or more, there is {classes}")
    generator, critic = (network(size, channels, classes, chosen) for network in (DcganGenerator, DcganCritic))
    return GanModel(generator, critic, settings_of(recipe))


def plan(size: int, options: DcganOptions) -> tuple[int, int]:
    """Side of the smallest maps, and how many layers of stride 1 stand there.

    Raises:
        TrainingError: the size is no power of two, or too small or too large for that many layers.
    """
    doublings = size.bit_length() - 1
    if size != 2**doublings or size <= _SMALLEST:
        raise TrainingError(f"model.size = {size}: DCGAN's layers double the side, so it must be 8, 16, 32, 64, ...")
    if options.stem == "dense":
        if options.layers > doublings:
            raise TrainingError(f"model.options.layers = {options.layers}: {size} pixels are halved {doublings} times")
        return size >> options.layers, 0
    needed = (size // _SMALLEST).bit_length()  # the doublings, and the layer between vector and maps
    if options.layers < needed:
        raise TrainingError(f"model.options.layers = {options.layers}: {size} pixels need {needed} or more")
    return _SMALLEST, options.layers - needed


def _widths(size: int, side: int, filters: int) -> list[int]:
    """Maps from the smallest side up to half the size."""
    doublings = (size // side).bit_length() - 1
    return [min(filters << place, 8 * filters) for place in reversed(range(doublings))]
