"""What two players want: the losses of both, the labels that the critic learns, and how often it is right.

Answers are what a critic says of each image: logits, float (n,), more for real ones. All losses are means over the
batch in float32; every one of them is descended.
"""

from dataclasses import dataclass
from math import log
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from training.recipe import Adversarial


class Loss(Protocol):
    """What both players descend.

    Attributes:
        pairs: whether the generator's loss compares made images with real ones.
        least: the critic's loss when it is as right as it can be; None where there is no such value.
    """

    @property
    def pairs(self) -> bool: ...

    @property
    def least(self) -> float | None: ...

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Scalar, from answers (n,) to real and to made images."""

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Scalar, from answers (n,) to made images; those to real ones are given where `pairs` is set."""

    def shown(self, answers: Tensor) -> Tensor:
        """Answers as people read them, (n,): D(x), a probability where the loss knows one."""

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of the real and of the made images that the critic is right about, scalars 0..1."""


@dataclass(frozen=True, slots=True)
class NonSaturating:
    """Cross-entropy; the generator ascends log D(G(z)) (Goodfellow et al. 2014, section 3), not the saturating form.

    Attributes:
        real_label, fake_label: what the critic is to say, 0..1 (Salimans et al. 2016, section 3.4: smooth one side).
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    pairs: bool = False

    @property
    def least(self) -> float:
        return _entropy(self.real_label) + _entropy(self.fake_label)

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        # cross-entropy of a logit x with the label t is softplus(x) - t x
        return (functional.softplus(real) - self.real_label * real).mean() + (
            functional.softplus(fake) - self.fake_label * fake
        ).mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return functional.softplus(-fake).mean()

    def shown(self, answers: Tensor) -> Tensor:
        return answers.sigmoid()

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _share(real > 0), _share(fake < 0)


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Squared distances from the labels (Mao et al. 2017, equation 2 with c = 1)."""

    real_label: float = 1.0
    fake_label: float = 0.0
    pairs: bool = False

    @property
    def least(self) -> float:
        return 0.0

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return (real - self.real_label).square().mean() / 2 + (fake - self.fake_label).square().mean() / 2

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return (fake - 1).square().mean() / 2

    def shown(self, answers: Tensor) -> Tensor:
        return answers

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        middle = (self.real_label + self.fake_label) / 2
        return _share(real > middle), _share(fake < middle)


@dataclass(frozen=True, slots=True)
class Wasserstein:
    """The difference of the answers (Arjovsky et al. 2017, algorithm 1); it needs clipping or a gradient penalty."""

    pairs: bool = False

    @property
    def least(self) -> None:
        return None

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake.mean()

    def shown(self, answers: Tensor) -> Tensor:
        return answers

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _share(real > fake.mean()), _share(fake < real.mean())


@dataclass(frozen=True, slots=True)
class Hinge:
    """Answers beyond a margin of 1 count no more (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17)."""

    pairs: bool = False

    @property
    def least(self) -> float:
        return 0.0

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake.mean()

    def shown(self, answers: Tensor) -> Tensor:
        return answers

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _share(real > 0), _share(fake < 0)


@dataclass(frozen=True, slots=True)
class Relativistic:
    """Each real image is to get more than the made one beside it (Jolicoeur-Martineau 2018; Huang et al. 2024)."""

    pairs: bool = True

    @property
    def least(self) -> float:
        return 0.0

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return functional.softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        if real is None:
            raise ValueError("the relativistic loss compares made images with real ones: answers to both are needed")
        return functional.softplus(real - fake).mean()

    def shown(self, answers: Tensor) -> Tensor:
        return answers

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        share = _share(real > fake)
        return share, share


def loss_of(settings: Adversarial) -> Loss:
    """The loss that a recipe names, with its labels."""
    match settings.loss:
        case "non-saturating":
            return NonSaturating(settings.real_label, settings.fake_label)
        case "least-squares":
            return LeastSquares(settings.real_label, settings.fake_label)
        case "wasserstein":
            return Wasserstein()
        case "hinge":
            return Hinge()
        case "relativistic":
            return Relativistic()


def switched(real: Tensor, fake: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Exchange the answers (n,) of some pairs, so that the critic learns their labels the wrong way round.

    Args:
        real: answers to real images.
        fake: answers to made ones.
        share: of the pairs, each by itself, 0..1.
    """
    if not share:
        return real, fake
    exchanged = torch.rand_like(real) < share
    return torch.where(exchanged, fake, real), torch.where(exchanged, real, fake)


def _share(right: Tensor) -> Tensor:
    return right.float().mean()


def _entropy(label: float) -> float:
    return -sum(p * log(p) for p in (label, 1 - label) if p > 0)
