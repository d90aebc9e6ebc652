"""pix2pix: images from images, taught by pairs (Isola et al. 2017, "Image-to-Image Translation with Conditional
Adversarial Networks", arXiv 1611.07004).

    L_cGAN(G, D) = E[log D(x, y)] + E[log(1 - D(x, G(x, z)))]   (equation 1)
    L_L1(G)      = E[|y - G(x, z)|]                             (equation 3)
    G*           = arg min max L_cGAN(G, D) + lambda L_L1(G)    (equation 4)

x is the given image, y the wanted one, z the dropout of the U-Net, D a PatchGAN that sees both. The report on maps
("Image translation by GAN", section 3.2) writes the same with lambda L(G) and names neither L nor lambda: L1 and 100
are the paper's (section 3.3 and 6.2). It calls the critic's 100 % accuracy a success; it is the failure that the
measures show.
"""

from torch import Tensor
from torch.nn import functional

from training.adversarial.gan import settings_of
from training.adversarial.model import Turn
from training.recipe import NotNegative, Recipe, Share
from training.translators.batches import PairBatch
from training.translators.directions import direction_of
from training.translators.options import Options, check_size, options_of
from training.translators.patchgan import PatchCritic, PatchPlan
from training.translators.players import Translator
from training.translators.unet import UNet, UNetPlan


class Pix2PixOptions(Options):
    """What a recipe may say of pix2pix.

    Attributes:
        direction: "aerial_to_map" where the data's classes are "aerial" and "map", or "map_to_aerial"; "": the first.
        l1: lambda of equation 4.
        adversarial: weight of L_cGAN; 0 is the paper's row "L1" (section 4.2).
        freeze_from: share of all steps after which batch normalisation is used as it will serve.
        generator, critic: the networks.
    """

    direction: str = ""
    l1: NotNegative = 100.0
    adversarial: NotNegative = 1.0
    freeze_from: Share = 1.0
    generator: UNetPlan = UNetPlan()
    critic: PatchPlan = PatchPlan(norm="batch")


class Pix2Pix(Translator):
    """A U-Net and a critic of pairs: a `training.adversarial.model.AdversarialModel`."""

    def __init__(self, recipe: Recipe, options: Pix2PixOptions) -> None:
        """Args:
        recipe: of paired data.
        options: of its model.
        """
        self.generator = UNet(options.generator)
        self.critic = PatchCritic(options.critic, channels=6)
        self.options = options
        self._made: Tensor | None = None
        super().__init__(
            {direction_of(recipe, options.direction): self.generator},
            {"critic": self.critic},
            settings_of(recipe),
            freeze_from=options.freeze_from,
        )

    def critic_turn(self, batch: PairBatch, progress: float, number: int) -> Turn:
        """Equation 1 as D sees it: real pairs (x, y) and made ones (x, G(x))."""
        self.settle(progress)
        self._made = self.generator(batch.inputs)
        loss, measures = self.tell_apart(
            self.critic, (batch.inputs, batch.targets), (batch.inputs, self._made), progress
        )
        return Turn({"adversarial": loss}, measures)

    def generator_turn(self, batch: PairBatch, progress: float, number: int) -> Turn:
        """Equation 4 as G sees it."""
        made = self._made if self._made is not None else self.generator(batch.inputs)
        self._made = None
        losses = {"l1": self.options.l1 * functional.l1_loss(made.float(), batch.targets)}
        if self.options.adversarial:
            fooled = self.fool(self.critic, (batch.inputs, made), (batch.inputs, batch.targets), progress)
            losses["adversarial"] = self.options.adversarial * fooled
        return Turn(losses, {})


def build_pix2pix(recipe: Recipe) -> Pix2Pix:
    """Both players of a recipe.

    Raises:
        TrainingError: an option that there is not, a direction of other data, or a size that the U-Net cannot halve.
    """
    options = options_of(Pix2PixOptions, recipe.model.options)
    model = Pix2Pix(recipe, options)
    check_size(recipe, model.generator.multiple, model.generator.least)
    return model
