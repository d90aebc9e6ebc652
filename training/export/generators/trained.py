"""Generators that are exported: a finished run's averaged weights, with its critic where that is wanted."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import nn

from training.adversarial.model import ImageGenerator, Latent
from training.checkpoint import load_weights
from training.errors import TrainingError
from training.export.trained import Trained
from training.generators.registry import build_model
from training.recipe import Recipe
from training.run import read_recipe, read_run_summary, without_starts

PROBABLE = "non-saturating"
"""The loss under which a critic learns a probability: its answer is the logit of one (Goodfellow et al. 2014)."""


@dataclass(frozen=True, slots=True)
class TrainedGenerator(Trained):
    """A generator, after `training.adversarial.model.ImageGenerator`.

    Attributes:
        critic: what its images are judged by, on the CPU, in evaluation mode; None where it is left out.
    """

    critic: nn.Module | None = None

    @property
    def generator(self) -> ImageGenerator:
        return cast(ImageGenerator, self.network)

    @property
    def latent(self) -> Latent:
        return self.generator.latent

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that it can be asked for."""
        return self.recipe.data.classes if self.generator.classes else ()


def load_generator(folder: Path, *, critic: bool = False) -> TrainedGenerator:
    """The best generator of a run: the one whose weights were averaged, where the recipe averages them.

    Args:
        folder: the run's.
        critic: also load the critic that belongs to it.

    Raises:
        TrainingError: the folder is no run of a generator, a file of it is missing or damaged, or the critic's answers
            are no probabilities.
    """
    recipe = read_recipe(folder / "recipe.json")
    if critic:
        _check_probable(recipe)
    players = build_model(without_starts(recipe))
    load_weights(players.generator, folder / "best.safetensors")
    if critic:
        load_weights(players.critic, folder / "best-critic.safetensors")
    summary, generator = read_run_summary(folder), players.generator.eval()
    return TrainedGenerator(recipe, generator, summary, players.critic.eval() if critic else None)


def _check_probable(recipe: Recipe) -> None:
    loss = recipe.adversarial.loss if recipe.adversarial else ""
    if loss != PROBABLE:
        raise TrainingError(
            f"--critic: recipe {recipe.name} has the loss '{loss}', under which a critic's answer is no probability; "
            f"only that of '{PROBABLE}' is"
        )
