"""AC-GAN for handwritten digits: the class goes into the generator, the critic says it again (row G8).

The report ("4.1. Structure for generating MNIST digits") builds on Odena, Olah and Shlens 2017 (arXiv 1610.09585) by
way of Keras' example. The critic has two heads: S, real or made, and C, which class; with

    L_S = E[log P(S = real | X_real)] + E[log P(S = fake | X_fake)]      (equation 2)
    L_C = E[log P(C = c | X_real)] + E[log P(C = c | X_fake)]            (equation 3)

the critic maximises L_S + L_C and the generator L_C - L_S. What the report says and cannot mean: the generator's input
is a label and a latent vector, not an image; the head that it calls "probability of fakeness" is here that of being
real. Its figures of the networks are lost, so layers and widths are ours.

Two ways for the label into the generator, by the option `conditioning`: "product", the latent vector times a learned
vector of the class, as in Keras' example; and "batch-norm", where every class has its own scales and shifts in every
batch normalisation (de Vries et al. 2017, arXiv 1707.00683; for generators Miyato and Koyama 2018, section 4), which
leaves the whole latent vector to what varies within a class. `projection` adds to S the inner product of the image's
features with a learned vector of the class (Miyato and Koyama 2018, arXiv 1802.05637, equation 3): realness is then
that of an image *of this class*. With C alone, images that are easy to name win over varied ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from training.adversarial.blocks import ClassNorm, initialise_weights, normalise_spectrally
from training.adversarial.gan import GanModel, settings_of
from training.adversarial.model import Latent
from training.errors import TrainingError
from training.recipe import Recipe

Conditioning = Literal["product", "batch-norm"]


class Opinion(NamedTuple):
    """What the critic says of images.

    Attributes:
        realness: logits (n,) of being real.
        classes: logits (n, classes).
    """

    realness: Tensor
    classes: Tensor


class AcganGenerator(nn.Module):
    """A dense layer to a quarter of the side, a convolution, and two transposed ones; LeakyReLU inside, Tanh last.

    The kernels of the transposed convolutions are 4: a multiple of the stride, so that no checkerboard appears.
    """

    def __init__(self, classes: int, size: int, channels: int, conditioning: Conditioning, width: int = 128) -> None:
        """Args:
        classes: 2 or more.
        size: of its images, a multiple of 4; 28 in the report.
        channels: 1 for grey, 3 for colour.
        conditioning: how the label comes in.
        width: maps of the first layers; half and a quarter of them follow.
        """
        super().__init__()
        _check(classes, size)
        self.classes, self.latent = classes, Latent(100)
        own = classes if conditioning == "batch-norm" else 0
        self.embedding = nn.Embedding(classes, self.latent.size) if conditioning == "product" else None
        self.dense = nn.Sequential(
            nn.Linear(self.latent.size, width * (size // 4) ** 2), nn.Unflatten(1, (width, size // 4, size // 4))
        )
        blocks = [
            _Block(None, width, own),
            _Block(nn.Conv2d(width, width, 3, padding=1, bias=False), width, own),
            _Block(nn.ConvTranspose2d(width, width // 2, 4, 2, padding=1, bias=False), width // 2, own),
            _Block(nn.ConvTranspose2d(width // 2, width // 4, 4, 2, padding=1, bias=False), width // 4, own),
        ]
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(width // 4, channels, 3, padding=1)
        for layer in (self.dense, *(block.layer for block in blocks if block.layer is not None), self.last):
            initialise_weights(layer, "gaussian")

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, as `ImageGenerator` says.

        Raises:
            TrainingError: there are no labels.
        """
        if labels is None:
            raise TrainingError(f"a generator of {self.classes} classes was asked for images without labels")
        if self.embedding is not None:
            latents = latents * self.embedding(labels)
        features = self.dense(latents)
        for block in self.blocks:
            features = block(features, labels)
        return cast(Tensor, self.last(features)).tanh()


@dataclass(frozen=True, slots=True)
class CriticShape:
    """What may be chosen of the critic.

    Attributes:
        width: maps of the first layer, which double with every further one.
        dropout: share of the maps' values; the report's is 0.3.
        spectral: spectral normalisation of all that realness comes from (Miyato et al. 2018, arXiv 1802.05957); the
            head of the classes is free, since it must become sure.
        projection: realness is that of an image of its class, not of any image.
    """

    width: int = 32
    dropout: float = 0.3
    spectral: bool = False
    projection: bool = False


class AcganCritic(nn.Module):
    """Four convolutions with LeakyReLU and dropout, then the two heads.

    The heads see all features, unpooled: in a digit it matters where a stroke is.
    """

    def __init__(self, classes: int, size: int, channels: int, shape: CriticShape) -> None:
        """The first three are the generator's."""
        super().__init__()
        _check(classes, size)
        layers: list[nn.Module] = []
        before, side = channels, size
        for factor, stride in ((1, 2), (2, 1), (4, 2), (8, 2)):
            maps = factor * shape.width
            layers.append(nn.Conv2d(before, maps, 3, stride, padding=1))
            layers += [nn.LeakyReLU(0.2), nn.Dropout(shape.dropout)]
            before, side = maps, -(-side // stride)
        features = before * side**2
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.realness = nn.Linear(features, 1)
        self.naming = nn.Linear(features, classes)
        self.projection = nn.Embedding(classes, features) if shape.projection else None
        initialise_weights(self, "gaussian")
        if shape.spectral:
            normalise_spectrally(self.features)
            normalise_spectrally(self.realness)
        if shape.spectral and self.projection is not None:
            spectral_norm(self.projection)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Opinion:
        """Both heads.

        Args:
            images: float32 (n, channels, size, size) in -1..1.
            labels: int64 (n,), which classes the images are to show; only a critic with projection needs them.

        Raises:
            TrainingError: a critic with projection got no labels.
        """
        features = self.features(images)
        realness = self.realness(features).flatten()
        if self.projection is not None:
            if labels is None:
                raise TrainingError("a critic with projection was asked about images without their labels")
            realness = realness + (self.projection(labels) * features).sum(dim=1)
        return Opinion(realness, self.naming(features))


def build_acgan(
    recipe: Recipe,
    *,
    conditioning: Conditioning = "product",
    width: int = 128,
    critic: Mapping[str, Any] | None = None,
) -> GanModel:
    """Both players of a recipe.

    Args:
        recipe: of a generator, with two classes or more.
        conditioning: how the label comes into the generator.
        width: maps of the generator's first layers.
        critic: the fields of `CriticShape` that differ from their defaults.

    Raises:
        TrainingError: there is no such conditioning or field, or a size that the networks do not allow.
    """
    if conditioning not in get_args(Conditioning):
        raise TrainingError(
            f"model.options.conditioning = '{conditioning}': there are {', '.join(get_args(Conditioning))}"
        )
    try:
        shape = CriticShape(**critic or {})
    except TypeError as error:
        raise TrainingError(f"model.options.critic: {error}") from None
    kind = (len(recipe.data.classes), recipe.model.size, recipe.data.channels)
    return GanModel(AcganGenerator(*kind, conditioning, width), AcganCritic(*kind, shape), settings_of(recipe))


class _Block(nn.Module):
    """A layer, its normalisation, LeakyReLU 0.2."""

    def __init__(self, layer: nn.Module | None, maps: int, classes: int) -> None:
        super().__init__()
        self.layer = layer
        self.norm = ClassNorm(maps, classes) if classes else nn.BatchNorm2d(maps)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        if self.layer is not None:
            features = self.layer(features)
        normal = self.norm(features, labels) if isinstance(self.norm, ClassNorm) else self.norm(features)
        return functional.leaky_relu(normal, 0.2)


def _check(classes: int, size: int) -> None:
    if classes < 2:
        raise TrainingError(f"data.classes: AC-GAN needs two classes or more, there is {classes}")
    if size % 4:
        raise TrainingError(f"model.size = {size}: AC-GAN's generator doubles twice, so it must be a multiple of 4")
