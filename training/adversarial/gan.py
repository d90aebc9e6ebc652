"""One generator and one critic: what most papers' models are, put together from the losses and tricks of a recipe.

A paper's model is its two networks; what it does otherwise is one of the four methods that a subclass may replace:
`real`, `make`, `seen` and `answers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from training.adversarial.augment import varied
from training.adversarial.losses import loss_of, switched
from training.adversarial.model import ImageGenerator, Latent, Turn
from training.adversarial.penalties import Images, gradient_penalty, zero_centred
from training.errors import TrainingError
from training.recipe import Adversarial, Recipe

_SPREAD = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Real images, and what is known of them.

    Attributes:
        images: float32 (n, channels, height, width) in -1..1, on the device.
        labels: int64 (n,), on the device.
        files: where each image comes from, for people.
    """

    images: Tensor
    labels: Tensor
    files: tuple[str, ...]


class GanModel:
    """A generator and a critic: a `training.adversarial.model.AdversarialModel`.

    Attributes:
        generator: an `ImageGenerator`.
        critic: `forward(images)`, for a generator with classes `forward(images, labels)`, gives answers (n,); one that
            also tells the classes gives (answers, class logits (n, classes)), and then class losses are added
            (Odena et al. 2017, equations 2 and 3).
        settings: loss, labels, noise, penalties and augmentation.
        one_pass: whether the critic sees real and made images together, which is faster; not where it compares the
            images of a batch, as batch normalisation does.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, settings: Adversarial) -> None:
        self.generator, self.critic, self.settings = generator, critic, settings
        self.generators: Mapping[str, nn.Module] = {"generator": generator}
        self.critics: Mapping[str, nn.Module] = {"critic": critic}
        self.helpers: Mapping[str, nn.Module] = {}
        self.latent: Latent = cast(ImageGenerator, generator).latent
        self.classes: int = cast(ImageGenerator, generator).classes
        self.loss = loss_of(settings)
        self.one_pass = not any(isinstance(module, _BatchNorm) for module in critic.modules())
        self._made: Images | None = None

    def real(self, batch: Batch) -> Images:
        """The batch's images at each scale."""
        return (batch.images,)

    def make(self, batch: Batch) -> Images:
        """As many images at each scale, of the batch's classes where there are classes."""
        latents = self.latent.draw(len(batch.images), batch.images.device)
        return (self.generator(latents, batch.labels) if self.classes else self.generator(latents),)

    def seen(self, images: Images, progress: float) -> Images:
        """What the critic sees of them: varied, and under noise that falls linearly with the steps."""
        images = varied(images, self.settings.augment)
        deviation = noise_deviation(self.settings, progress)
        return tuple(image + deviation * torch.randn_like(image) for image in images) if deviation else images

    def answers(self, images: Images, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The critic's answers (n,), and its class logits (n, classes) or None; both float32."""
        given = self.critic(images[-1], labels) if self.classes else self.critic(images[-1])
        if isinstance(given, Tensor):
            return given.float(), None
        answers, classes = given
        return answers.float(), classes.float()

    def critic_turn(self, batch: Batch, progress: float, number: int) -> Turn:
        """Tell real images from made ones; the generator gets no gradient."""
        settings = self.settings
        real, made = self.real(batch), self._for_critic(batch)
        penalised = number % settings.penalty_every == 0
        seen = self._leaves(self.seen(real, progress), penalised), self._leaves(self.seen(made, progress), penalised)
        (answers, classes), (fake_answers, fake_classes) = self._both(*seen, batch.labels)
        losses = {"adversarial": self.loss.critic(*switched(answers, fake_answers, settings.label_switching))}
        if classes is not None and fake_classes is not None:
            losses["class"] = settings.class_weight * (
                functional.cross_entropy(classes, batch.labels) + functional.cross_entropy(fake_classes, batch.labels)
            )
        if penalised:
            losses |= self._penalties(answers, fake_answers, *seen, batch.labels)
        measures = self._measures(answers.detach(), fake_answers.detach())
        if classes is not None:
            measures["accuracy/class"] = (classes.detach().argmax(1) == batch.labels).float().mean()
        return Turn(losses, measures | {"spread/made": _spread(made[-1]) / _spread(real[-1]).clamp(min=1e-6)})

    def generator_turn(self, batch: Batch, progress: float, number: int) -> Turn:
        """Make what the critic takes for real."""
        made = self._made if self._made is not None else self.make(batch)
        self._made = None
        answers, classes = self.answers(self.seen(made, progress), batch.labels)
        real_answers = None
        if self.loss.pairs:
            with torch.no_grad():
                real_answers, _ = self.answers(self.seen(self.real(batch), progress), batch.labels)
        losses = {"adversarial": self.loss.generator(answers, real_answers)}
        if classes is not None:
            losses["class"] = self.settings.class_weight * functional.cross_entropy(classes, batch.labels)
        return Turn(losses, {"answer/made": self.loss.shown(answers.detach()).mean()})

    def _for_critic(self, batch: Batch) -> Images:
        """Made images without their graph, which is kept where the generator's turn comes next: one pass less."""
        if self.settings.critic_steps > 1:
            with torch.no_grad():
                return self.make(batch)
        self._made = self.make(batch)
        return tuple(image.detach() for image in self._made)

    def _leaves(self, images: Images, penalised: bool) -> Images:
        if penalised and (self.settings.r1 or self.settings.r2):
            return tuple(image.detach().requires_grad_() for image in images)
        return images

    def _both(
        self, real: Images, made: Images, labels: Tensor
    ) -> tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]:
        """Answers and class logits of real and of made images."""
        if not self.one_pass:
            return self.answers(real, labels), self.answers(made, labels)
        together = tuple(torch.cat(pair) for pair in zip(real, made, strict=True))
        answers, classes = self.answers(together, torch.cat([labels, labels]))
        first, second = answers.chunk(2)
        if classes is None:
            return (first, None), (second, None)
        first_classes, second_classes = classes.chunk(2)
        return (first, first_classes), (second, second_classes)

    def _penalties(
        self, answers: Tensor, fake_answers: Tensor, real: Images, made: Images, labels: Tensor
    ) -> dict[str, Tensor]:
        """Computed every few steps with as much more weight (Karras et al. 2020, section 3.1: lazy regularisation)."""
        settings, every = self.settings, self.settings.penalty_every
        penalties = {}
        if settings.gradient_penalty:
            between = gradient_penalty(lambda images: self.answers(images, labels)[0], real, made)
            penalties["penalty"] = every * settings.gradient_penalty * between
        if settings.r1:
            penalties["r1"] = every * settings.r1 * zero_centred(answers, real)
        if settings.r2:
            penalties["r2"] = every * settings.r2 * zero_centred(fake_answers, made)
        return penalties

    def _measures(self, answers: Tensor, fake_answers: Tensor) -> dict[str, Tensor]:
        right, fake_right = self.loss.right(answers, fake_answers)
        return {
            "answer/real": self.loss.shown(answers).mean(),
            "answer/fake": self.loss.shown(fake_answers).mean(),
            "accuracy/real": right,
            "accuracy/fake": fake_right,
        }


def settings_of(recipe: Recipe) -> Adversarial:
    """How the players are trained against each other.

    Raises:
        TrainingError: the recipe is none of a generator.
    """
    if recipe.adversarial is None:
        raise TrainingError(f"recipe {recipe.name}: the table 'adversarial' is missing: a generator needs it")
    return recipe.adversarial


def noise_deviation(settings: Adversarial, progress: float) -> float:
    """Of the instance noise (Sonderby et al. 2017, section 3.1) after a share of all steps, in units of -1..1."""
    if progress >= settings.noise_until:
        return 0.0
    return settings.instance_noise * (1 - progress / settings.noise_until)


def _spread(images: Tensor) -> Tensor:
    """How much the images of a batch differ: the mean deviation of a pixel, a detached scalar; some tell enough."""
    return images[:_SPREAD].detach().float().std(0, correction=0).mean()
