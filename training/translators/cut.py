"""CUT: a translator in one direction that compares patches instead of going back (Park et al. 2020, "Contrastive
Learning for Unpaired Image-to-Image Translation", arXiv 2007.15651).

    L_PatchNCE(G, H, X) = E[sum over layers l, places s of l(z'_s, z_s, all other z)]                     (equation 4)
    L_GAN(G, D, X, Y) + lambda_X L_PatchNCE(G, H, X) + lambda_Y L_PatchNCE(G, H, Y)                   (equation 5)

x is of the first domain, y of the second. z are features of patches of the given image, z' those of the same patches of
what was made of it, both by the generator's own encoder and a small network H for each layer; a patch is to be more
like the one at its own place than like all others of the same image (equation 1: cross-entropy). With y, which is to
stay as it is, the loss takes the place of the identity loss. lambda_X = lambda_Y = 1 is CUT; lambda_X = 10 and
lambda_Y = 0 is the faster FastCUT. Half of CycleGAN's networks are enough.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial.blocks import initialise_weights
from training.adversarial.gan import settings_of
from training.adversarial.model import Turn
from training.recipe import NotNegative, Positive, Recipe
from training.translators.batches import DomainBatch
from training.translators.directions import direction_of
from training.translators.options import Options, check_size, options_of
from training.translators.patchgan import PatchCritic, PatchPlan
from training.translators.players import Translator
from training.translators.resnet import ResNetGenerator, ResNetPlan


class CutOptions(Options):
    """What a recipe may say of CUT.

    Attributes:
        patches: lambda_X.
        same: lambda_Y; 0 leaves the loss out, and half of the work with it.
        places: patches of an image that are compared, 256 in the paper.
        temperature: tau of equation 1.
        dimensions: of what H makes of a patch.
        generator, critic: the networks.
    """

    patches: NotNegative = 1.0
    same: NotNegative = 1.0
    places: Positive = 256
    temperature: Annotated[float, Field(gt=0)] = 0.07
    dimensions: Positive = 256
    generator: ResNetPlan = ResNetPlan()
    critic: PatchPlan = PatchPlan()


class PatchProjection(nn.Module):
    """H of section 3: two layers for each layer of the encoder, and vectors of length 1."""

    def __init__(self, widths: Sequence[int], dimensions: int) -> None:
        """Args:
        widths: maps of each layer of the encoder.
        dimensions: of a vector.
        """
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(maps, dimensions), nn.ReLU(inplace=True), nn.Linear(dimensions, dimensions))
            for maps in widths
        )
        initialise_weights(self, "gaussian")

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """For each layer vectors (n, patches, dimensions).

        Args:
            features: (n, maps, height, width) of each layer.
            places: of the patches in each layer, int64 (patches,), counted row by row.
        """
        return [
            functional.normalize(layer(chosen(found, at)), dim=2)
            for layer, found, at in zip(self.layers, features, places, strict=True)
        ]


class Cut(Translator):
    """A generator, a critic and H: a `training.adversarial.model.AdversarialModel`."""

    def __init__(self, recipe: Recipe, options: CutOptions) -> None:
        """Args:
        recipe: of two domains; the generator leads from the first to the second.
        options: of its model.
        """
        channels = recipe.data.channels
        self.generator = ResNetGenerator(options.generator, channels)
        self.critic = PatchCritic(options.critic, channels)
        self.projection = PatchProjection(self.generator.encoder_widths, options.dimensions)
        self.options = options
        self._made: tuple[Tensor, list[Tensor]] | None = None
        super().__init__(
            {direction_of(recipe): self.generator},
            {"critic": self.critic},
            settings_of(recipe),
            helpers={"projection": self.projection},
        )

    def critic_turn(self, batch: DomainBatch, progress: float, number: int) -> Turn:
        """L_GAN as D sees it."""
        self._made = self._translated(batch)
        made, _ = self._made
        loss, measures = self.tell_apart(self.critic, (batch.second,), (made[: len(batch.first)],), progress)
        return Turn({"adversarial": loss}, measures)

    def generator_turn(self, batch: DomainBatch, progress: float, number: int) -> Turn:
        """Equation 5 as G and H see it."""
        made, given = self._made if self._made is not None else self._translated(batch)
        self._made = None
        count = len(batch.first)
        losses = {"adversarial": self.fool(self.critic, (made[:count],), (batch.second,), progress)}
        contrasts = self._contrasts(made, given)
        losses["patches"] = self.options.patches * contrasts[:count].mean()
        if self.options.same:
            losses["same"] = self.options.same * contrasts[count:].mean()
        return Turn(losses, {})

    def _translated(self, batch: DomainBatch) -> tuple[Tensor, list[Tensor]]:
        """What is made of x, and of y where it is to stay as it is, in one pass; and the encoder's features of them."""
        images = torch.cat((batch.first, batch.second)) if self.options.same else batch.first
        return self.generator.translate(images)

    def _contrasts(self, made: Tensor, given: Sequence[Tensor]) -> Tensor:
        """Equation 4 for each image (n,), the mean of all layers; what is compared with gets no gradient."""
        found = self.generator.encode(made)
        places = [_places(layer, self.options.places) for layer in found]
        queries = self.projection(found, places)
        with torch.no_grad():
            keys = self.projection(given, places)
        contrasts = [contrast(query, key, self.options.temperature) for query, key in zip(queries, keys, strict=True)]
        return torch.stack(contrasts).mean(0)


def build_cut(recipe: Recipe) -> Cut:
    """All players of a recipe.

    Raises:
        TrainingError: an option that there is not, data without two domains, or a size that is not halved evenly.
    """
    options = options_of(CutOptions, recipe.model.options)
    model = Cut(recipe, options)
    check_size(recipe, model.generator.multiple, model.generator.least)
    return model


def contrast(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Equation 1, the mean over all places: how well each query finds the key of its own place.

    Args:
        queries: (n, patches, dimensions), of length 1.
        keys: the same of the given images; those of the same image are compared.
        temperature: what similarities are divided by.

    Returns:
        float32 (n,), 0 or more.
    """
    likeness = queries.float() @ keys.float().mT / temperature
    own = torch.arange(likeness.shape[1], device=likeness.device).expand(len(likeness), -1)
    return functional.cross_entropy(likeness.mT, own, reduction="none").mean(1)


def chosen(features: Tensor, places: Tensor) -> Tensor:
    """What stands at some places (patches,) of features (n, maps, height, width), as (n, patches, maps)."""
    return features.flatten(2).index_select(2, places).mT


def _places(features: Tensor, most: int) -> Tensor:
    """Some places, drawn anew, each at most once."""
    count = features.shape[2] * features.shape[3]
    return torch.randperm(count, device=features.device)[:most]
