"""Sees when two players have fallen apart, and says so in one sentence with what to do about it.

Three ways are known: losses that explode; a critic that is right about everything, so that the generator learns
nothing any more (the question asked most often about public DCGANs); and a generator that makes one image only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, isnan

import torch
from torch import Tensor, nn

from training.adversarial.balance import critic_accuracy

KINDS = ("diverged", "dead critic", "collapsed")


@dataclass(frozen=True, slots=True)
class Limits:
    """When something counts as trouble: after so many steps in a row beyond a limit.

    Attributes:
        size, size_steps: of any loss, either sign.
        dead_loss, dead_accuracy, dead_steps: of the critic: how near its loss is to the least there is, and the share
            of images that it is right about, both as running means.
        spread, spread_steps: how much the images made differ, as a share of what real ones do, as a running mean.
    """

    size: float = 1e4
    size_steps: int = 20
    dead_loss: float = 0.05
    dead_accuracy: float = 0.99
    dead_steps: int = 200
    spread: float = 0.1
    spread_steps: int = 300


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was seen: one of `KINDS`, and a sentence for people."""

    kind: str
    sentence: str


class Watch(nn.Module):
    """Looks at the values of every step. Its state is buffers, so that a resumed run sees what one in a piece sees.

    Attributes:
        first: the step, from 1, at which each kind of trouble was first seen; 0: never.
    """

    def __init__(self, least: float | None, limits: Limits | None = None) -> None:
        """Args:
        least: the critic's loss when it is as right as it can be; None: a critic cannot be dead under this loss.
        limits: of what is no trouble yet.
        """
        super().__init__()
        self._least, self._limits = least, limits or Limits()
        self.means: Tensor
        self.streaks: Tensor
        self.first: Tensor
        self.register_buffer("means", torch.full((3,), torch.nan, dtype=torch.float64))
        self.register_buffer("streaks", torch.zeros(3, dtype=torch.int64))
        self.register_buffer("first", torch.zeros(3, dtype=torch.int64))

    def saw(self, values: Mapping[str, float], number: int) -> Trouble | None:
        """Take in the values of one step.

        Args:
            values: losses by name, "critic" that of the critic; measures by "panel/name".
            number: of the step, from 0.

        Returns:
            The trouble there is, said again in every step that it lasts; None: all is well.
        """
        broken = [name for name, value in values.items() if not isfinite(value)]
        if broken:
            return self._trouble(0, number, f"'{broken[0]}' is {values[broken[0]]}, no finite number")
        loss, accuracy, spread = self._running(values)
        sizes = {name: abs(value) for name, value in values.items() if "/" not in name}
        largest = max(sizes, key=lambda name: sizes[name], default="")
        limits = self._limits
        exploded = bool(sizes) and sizes[largest] > limits.size
        dead = loss < limits.dead_loss and accuracy > limits.dead_accuracy  # false for what is not known
        seen = torch.tensor([exploded, dead, spread < limits.spread])
        self.streaks.copy_((self.streaks + 1) * seen)
        lasted = [int(streak) for streak in self.streaks]
        if lasted[0] >= limits.size_steps:
            return self._trouble(0, number, f"the loss '{largest}' has grown to {values[largest]:.3g}")
        if lasted[1] >= limits.dead_steps:
            return self._trouble(1, number, f"for {lasted[1]} steps the critic has been right about all images")
        if lasted[2] >= limits.spread_steps:
            share = f"their deviation is {spread:.3f} of the real ones'"
            return self._trouble(2, number, f"for {lasted[2]} steps all images made have been alike ({share})")
        return None

    def begin_again(self) -> None:
        """Forget how things went, after the players were brought back to where all was well."""
        self.means.fill_(torch.nan)
        self.streaks.zero_()

    def seen(self) -> dict[str, int]:
        """The kinds of trouble that there were, with the step at which each was first seen."""
        return {kind: int(step) for kind, step in zip(KINDS, self.first, strict=True) if step}

    def _running(self, values: Mapping[str, float]) -> list[float]:
        """Running means of the critic's distance from its least loss, of its accuracy, and of the spread."""
        loss, accuracy, spread = values.get("critic"), critic_accuracy(values), values.get("spread/made")
        distance = None if loss is None or self._least is None else loss - self._least
        for place, value in enumerate((distance, accuracy, spread)):
            if value is not None:
                before = self.means[place].item()
                self.means[place] = value if isnan(before) else 0.95 * before + 0.05 * value
        means: list[float] = self.means.tolist()
        return means

    def _trouble(self, kind: int, number: int, seen: str) -> Trouble:
        if not self.first[kind]:
            self.first[kind] = number + 1
        return Trouble(KINDS[kind], f"step {number + 1}: {seen}: {_ADVICE[kind]}")


_ADVICE = (
    "the players have diverged; a lower optimiser.learning_rate, loop.clip_norm, or adversarial.r1 = 1 often helps",
    "it tells the generator nothing any more; adversarial.instance_noise, adversarial.augment, a lower "
    "adversarial.critic_rate or adversarial.balance = 'dynamic' often help",
    "the generator has collapsed; a lower optimiser.learning_rate, adversarial.augment or another adversarial.loss "
    "often help",
)
