"""What translators share: critics of patches, and generators whose statistics may be frozen.

What a critic sees is a tuple of images that belong together: the two of a pair, or one. It answers with a map of
logits, one for each patch; losses and shares are means over all patches.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.adversarial.augment import varied
from training.adversarial.gan import noise_deviation
from training.adversarial.losses import LeastSquares, loss_of, switched
from training.adversarial.model import Turn
from training.adversarial.penalties import Images
from training.errors import TrainingError
from training.recipe import Adversarial
from training.translators.normalisation import freeze_statistics, has_batch_statistics

Measures = dict[str, Tensor]

UNUSED = ("gradient_penalty", "r1", "r2")
"""Fields of a recipe's table `adversarial` that translators have no use for."""


class Translator(ABC):
    """The players of a translator: a `training.adversarial.model.AdversarialModel` whose turns are each paper's own.

    Attributes:
        generators: by direction, e.g. "cow_to_horse".
        critics, helpers: by name.
        settings: loss, labels, noise and augmentation.
    """

    def __init__(
        self,
        generators: Mapping[str, nn.Module],
        critics: Mapping[str, nn.Module],
        settings: Adversarial,
        *,
        helpers: Mapping[str, nn.Module] | None = None,
        freeze_from: float = 1.0,
    ) -> None:
        """Args:
        generators, critics, helpers: as the attributes.
        settings: of the recipe.
        freeze_from: share of all steps after which the generators' batch normalisation learns no more and is used as
            it will serve; 1: never.

        Raises:
            TrainingError: a setting that would do nothing.
        """
        for name in UNUSED:
            if value := getattr(settings, name):
                raise TrainingError(f"adversarial.{name} = {value}: translators have no gradient penalties")
        self.generators, self.critics, self.helpers = generators, critics, helpers or {}
        self.settings, self.freeze_from = settings, freeze_from
        self.loss = loss_of(settings)

    @abstractmethod
    def critic_turn(self, batch: Any, progress: float, number: int) -> Turn:
        """As `AdversarialModel.critic_turn`."""

    @abstractmethod
    def generator_turn(self, batch: Any, progress: float, number: int) -> Turn:
        """As `AdversarialModel.generator_turn`."""

    def settle(self, progress: float) -> None:
        """Freeze statistics, or not yet; whatever examined the generators may have left them in another mode."""
        if self.freeze_from < 1:
            freeze_statistics(self.generators.values(), frozen=progress >= self.freeze_from)

    def tell_apart(self, critic: nn.Module, real: Images, made: Images, progress: float) -> tuple[Tensor, Measures]:
        """What a critic is to descend, and how right it is; the generators get no gradient."""
        real, made = self._seen(real, progress), self._seen(tuple(image.detach() for image in made), progress)
        answers, fake_answers = self._both(critic, torch.cat(real, 1), torch.cat(made, 1))
        loss = self.loss.critic(*switched(answers, fake_answers, self.settings.label_switching))
        answers, fake_answers = answers.detach(), fake_answers.detach()
        right, fake_right = self.loss.right(answers, fake_answers)
        return loss, {
            "answer/real": self.loss.shown(answers).mean(),
            "answer/fake": self.loss.shown(fake_answers).mean(),
            "accuracy/real": right,
            "accuracy/fake": fake_right,
            "spread/made": spread(made[-1]) / spread(real[-1]).clamp(min=1e-6),
        }

    def fool(self, critic: nn.Module, made: Images, real: Images, progress: float) -> Tensor:
        """What a generator is to descend so that the critic takes its images for real ones.

        Papers of translators weigh other losses against the whole square (Zhu et al. 2017, section 4), and the loss
        of least squares is half of it (Mao et al. 2017), so it counts twice.
        """
        answers = critic(torch.cat(self._seen(made, progress), 1)).float()
        real_answers = None
        if self.loss.pairs:
            with torch.no_grad():
                real_answers = critic(torch.cat(self._seen(real, progress), 1)).float()
        loss = self.loss.generator(answers, real_answers)
        return 2 * loss if isinstance(self.loss, LeastSquares) else loss

    def _both(self, critic: nn.Module, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Answers to real and made images, in one pass where the critic does not compare the images of a batch."""
        if has_batch_statistics(critic):
            return critic(real).float(), critic(made).float()
        answers, fake_answers = critic(torch.cat((real, made))).float().chunk(2)
        return answers, fake_answers

    def _seen(self, images: Images, progress: float) -> Images:
        """What a critic sees: varied, all of a tuple alike, and under noise that falls with the steps."""
        images = varied(images, self.settings.augment)
        deviation = noise_deviation(self.settings, progress)
        return tuple(image + deviation * torch.randn_like(image) for image in images) if deviation else images


def spread(images: Tensor) -> Tensor:
    """How much images (n, channels, height, width) differ from plain ones: the mean deviation of a pixel over all
    images and places; a detached scalar. A generator that has collapsed gives one colour.
    """
    return images.detach().float().std((0, 2, 3), correction=0).mean()


def averaged(measures: list[Measures]) -> Measures:
    """Measures of several critics as one."""
    return {name: torch.stack([each[name] for each in measures]).mean() for name in measures[0]}
