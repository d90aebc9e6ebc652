"""What is exported or compared: a network, with what its run says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from training.errors import TrainingError
from training.recipe import Recipe
from training.run import read_json

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


def read_recipe(file: Path) -> Recipe:
    """A recipe that a run wrote down.

    Raises:
        TrainingError: the file is missing, damaged or no recipe.
    """
    try:
        return Recipe(**read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def without_starts(recipe: Recipe) -> Recipe:
    """The recipe without files that networks start from: they were trained over, and need not be here any more."""
    options = {name: value for name, value in recipe.model.options.items() if not name.endswith("_weights")}
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": "", "options": options})})


def read_run_summary(folder: Path) -> dict[str, Any]:
    """What a run says of itself; nothing where it is not finished."""
    file = folder / "summary.json"
    return read_json(file) if file.exists() else {}
