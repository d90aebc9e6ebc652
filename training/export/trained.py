"""What is exported or compared: a network, with what its run says of it."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from training.recipe import Recipe

OURS = "Apache-2.0"
"""The licence of weights that our own code trained."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with what is known of it.

    Attributes:
        recipe: as it was run.
        network: on the CPU, in evaluation mode.
        summary: of the run; empty for an untrained network.
    """

    recipe: Recipe
    network: nn.Module
    summary: dict[str, Any]

    @property
    def licence(self) -> str:
        """Of the weights."""
        return OURS

    @property
    def scores(self) -> dict[str, float | None]:
        """Of the epoch whose weights these are, by name, e.g. "mAP50-95" or "frechet"."""
        return {name: value for name, value in self.summary.get("best", {}).items() if name != "epoch"}

    @property
    def learned_from_folder(self) -> bool:
        """Whether the data came from outside rather than from a renderer."""
        source = self.recipe.data.source
        return bool(self.summary.get("data", source) != source)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())
