"""CycleGAN: two translators that lead to and fro between domains without pairs (Zhu et al. 2017, "Unpaired
Image-to-Image Translation using Cycle-Consistent Adversarial Networks", arXiv 1703.10593).

    L_GAN(G, D_Y) and L_GAN(F, D_X), least squares                     (equation 1, section 4)
    L_cyc(G, F)      = E[|F(G(x)) - x|] + E[|G(F(y)) - y|]             (equation 2)
    L(G, F, D_X, D_Y) = L_GAN + L_GAN + lambda L_cyc                   (equation 3)
    L_identity(G, F) = E[|G(y) - y|] + E[|F(x) - x|]                   (section 5.2)

x is of the first domain, y of the second, G leads forth and F back. The cow and horse paper (Cho, section III) adds the
identity loss to all of it without a weight; CycleGAN's code has lambda = 10 and half of it for the identity. A pool of
50 images made before is what the critics see of made ones (section 4).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial.gan import settings_of
from training.adversarial.model import Turn
from training.recipe import Count, NotNegative, Recipe
from training.translators.batches import DomainBatch
from training.translators.directions import directions
from training.translators.normalisation import has_batch_statistics
from training.translators.options import Options, check_size, options_of
from training.translators.patchgan import PatchCritic, PatchPlan
from training.translators.players import Translator, averaged
from training.translators.pool import ImagePool
from training.translators.resnet import ResNetGenerator, ResNetPlan


class CycleWeights(Options):
    """What the losses count.

    Attributes:
        cycle: lambda of equation 3; 0 leaves the loss out, and the work for it.
        identity: weight of the identity loss; 0 leaves it out.
        distance: of both: "l1", or "l2", squares.
        pool: images made before that are kept for each critic; 0: critics see the newest ones.
    """

    cycle: NotNegative = 10.0
    identity: NotNegative = 5.0
    distance: Literal["l1", "l2"] = "l1"
    pool: Count = 50


class CycleGanOptions(CycleWeights):
    """What a recipe may say of CycleGAN: also the `generator` and the `critic`, the same for both directions."""

    generator: ResNetPlan = ResNetPlan()
    critic: PatchPlan = PatchPlan()


@dataclass(frozen=True, slots=True)
class Made:
    """What a generator made of a batch.

    Attributes:
        images: of the other domain.
        same: of its own target domain, which it should leave as it is; None where nobody asks.
    """

    images: Tensor
    same: Tensor | None


class CycleGan(Translator):
    """Two generators and two critics: a `training.adversarial.model.AdversarialModel`."""

    def __init__(
        self,
        recipe: Recipe,
        generators: tuple[nn.Module, nn.Module],
        critics: tuple[nn.Module, nn.Module],
        weights: CycleWeights,
    ) -> None:
        """Args:
        recipe: of two domains.
        generators: G, which leads from the first domain to the second, and F, which leads back.
        critics: D_X of the first domain, D_Y of the second.
        weights: of the losses.
        """
        size, channels = recipe.model.size, recipe.data.channels
        self.forth, self.back = generators
        self.first_critic, self.second_critic = critics
        self.pools = [ImagePool(weights.pool, (channels, size, size)) for _ in critics]
        self.weights = weights
        self._apart = has_batch_statistics(self.forth)
        self._made: tuple[Made, Made] | None = None
        domains = recipe.data.classes
        super().__init__(
            dict(zip(directions(recipe), generators, strict=True)),
            {f"critic-{domain}": critic for domain, critic in zip(domains, critics, strict=True)},
            settings_of(recipe),
            helpers={f"pool-{domain}": pool for domain, pool in zip(domains, self.pools, strict=True)},
        )

    def critic_turn(self, batch: DomainBatch, progress: float, number: int) -> Turn:
        """Equation 1 as both critics see it."""
        self._made = self._translated(batch)
        forth, back = self._made
        first, measures = self.tell_apart(
            self.first_critic, (batch.first,), (self.pools[0].exchange(back.images.detach()),), progress
        )
        second, others = self.tell_apart(
            self.second_critic, (batch.second,), (self.pools[1].exchange(forth.images.detach()),), progress
        )
        return Turn({"adversarial": first + second}, averaged([measures, others]))

    def generator_turn(self, batch: DomainBatch, progress: float, number: int) -> Turn:
        """Equation 3 as both generators see it, and the identity loss."""
        forth, back = self._made if self._made is not None else self._translated(batch)
        self._made = None
        losses = {
            "adversarial": self.fool(self.second_critic, (forth.images,), (batch.second,), progress)
            + self.fool(self.first_critic, (back.images,), (batch.first,), progress)
        }
        if self.weights.cycle:
            again = self._distance(self.back(forth.images), batch.first)
            losses["cycle"] = self.weights.cycle * (again + self._distance(self.forth(back.images), batch.second))
        if forth.same is not None and back.same is not None:
            same = self._distance(forth.same, batch.second) + self._distance(back.same, batch.first)
            losses["identity"] = self.weights.identity * same
        return Turn(losses, {})

    def _translated(self, batch: DomainBatch) -> tuple[Made, Made]:
        """G(x) and G(y), F(y) and F(x)."""
        return (
            self._made_by(self.forth, batch.first, batch.second),
            self._made_by(self.back, batch.second, batch.first),
        )

    def _made_by(self, generator: nn.Module, images: Tensor, targets: Tensor) -> Made:
        """Made in one pass where the images of a batch do not influence each other."""
        if not self.weights.identity:
            return Made(generator(images), None)
        if self._apart:
            return Made(generator(images), generator(targets))
        made, same = generator(torch.cat((images, targets))).chunk(2)
        return Made(made, same)

    def _distance(self, made: Tensor, wanted: Tensor) -> Tensor:
        return (functional.l1_loss if self.weights.distance == "l1" else functional.mse_loss)(made.float(), wanted)


def build_cyclegan(recipe: Recipe) -> CycleGan:
    """All players of a recipe.

    Raises:
        TrainingError: an option that there is not, data without two domains, or a size that is not halved evenly.
    """
    options = options_of(CycleGanOptions, recipe.model.options)
    channels = recipe.data.channels
    generators = ResNetGenerator(options.generator, channels), ResNetGenerator(options.generator, channels)
    critics = PatchCritic(options.critic, channels), PatchCritic(options.critic, channels)
    check_size(recipe, generators[0].multiple, generators[0].least)
    return CycleGan(recipe, generators, critics, options)
