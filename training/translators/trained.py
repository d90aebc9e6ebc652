"""A translator that a run has left: what is exported, measured and looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from training.checkpoint import load_weights
from training.errors import TrainingError
from training.recipe import Recipe
from training.run import read_recipe, without_starts
from training.translators.registry import build_model, is_translator, kept


@dataclass(frozen=True, slots=True)
class TrainedTranslator:
    """The generators of a run, with the weights that it keeps as its best.

    Attributes:
        recipe: as it was run.
        generators: by direction, in evaluation mode, on the CPU; what they say of themselves is in
            `training.translators.registry.build_model`.
    """

    recipe: Recipe
    generators: Mapping[str, nn.Module]


def load_translator(folder: Path) -> TrainedTranslator:
    """The translator of a run's folder.

    Raises:
        TrainingError: a file is missing, damaged or of another network, or the run is none of a translator.
    """
    recipe = read_recipe(folder / "recipe.json")
    if not is_translator(recipe):
        raise TrainingError(f"{folder} is a run of {recipe.name}, which trains no translator")
    model = build_model(without_starts(recipe))
    load_weights(kept(model), folder / "best.safetensors")
    for generator in model.generators.values():
        generator.eval().requires_grad_(False)
    return TrainedTranslator(recipe, model.generators)
