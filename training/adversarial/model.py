"""What two players are: the one small interface through which every adversarial model is trained.

A model knows its networks and what each player wants; when each may move, with what step and for how long, is the
task's. So a paper's model is one file that reads like the paper, and a new loss or trick is written once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Latent:
    """The space that a generator draws from, each value by itself.

    Attributes:
        size: values of one vector.
        distribution: "normal": mean 0, deviation 1; "uniform": -1 to 1.
    """

    size: int
    distribution: Literal["normal", "uniform"] = "normal"

    def draw(self, count: int, device: torch.device) -> Tensor:
        """float32 (count, size), from torch's generator of that device."""
        if self.distribution == "normal":
            return torch.randn(count, self.size, device=device)
        return torch.rand(count, self.size, device=device) * 2 - 1


@dataclass(frozen=True, slots=True)
class Turn:
    """What one player computed in one turn.

    Attributes:
        losses: scalars by name, e.g. "adversarial", "class", "penalty"; their sum is descended.
        measures: detached scalars by name that are only recorded: "answer/real" and "answer/fake", the critic's mean
            answers; "accuracy/real" and "accuracy/fake", shares that it gets right; "spread/made", how much the images
            made differ from each other, as a share of what real ones do. What stands before the "/" is a panel of the
            curves; balance and watch go by these names.
    """

    losses: Mapping[str, Tensor]
    measures: Mapping[str, Tensor]


class AdversarialModel(Protocol):
    """Two players and what each of them wants.

    Attributes:
        generators, critics: the networks of each player, by name. Each player's are changed by one optimiser; where the
            recipe wants averaged weights, those of the generators are averaged.
        helpers: what stands beside the players by name, e.g. a pool of images that were made before. Weights in it are
            changed with the generators'; all of it goes into checkpoints, nothing of it into the best weights.
    """

    generators: Mapping[str, nn.Module]
    critics: Mapping[str, nn.Module]
    helpers: Mapping[str, nn.Module]

    def critic_turn(self, batch: Any, progress: float, number: int) -> Turn:
        """What the critics are to descend.

        Args:
            batch: as the task's data gives it, on the device.
            progress: share of all steps done, 0..1; noise falls with it.
            number: of the step, from 0; lazy penalties count with it.
        """

    def generator_turn(self, batch: Any, progress: float, number: int) -> Turn:
        """What the generators are to descend; the arguments are those of `critic_turn`."""


class ImageGenerator(Protocol):
    """A network that makes images out of latent vectors: what is sampled, judged, exported and served.

    Attributes:
        latent: what it draws from.
        classes: how many it can be asked for; 0 for a generator without classes.
    """

    latent: Latent
    classes: int

    def __call__(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, float32 (n, channels, height, width) in -1..1.

        Args:
            latents: float32 (n, latent.size).
            labels: int64 (n,), 0..classes-1; None for a generator without classes.
        """
