"""Finds the players that a translator's recipe names."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from torch import nn

from training.checkpoint import initialise
from training.errors import TrainingError
from training.recipe import Recipe
from training.run import without_starts
from training.translators.players import Translator

BUILDERS = {
    "pix2pix": ("training.translators.pix2pix", "build_pix2pix"),
    "cyclegan": ("training.translators.cyclegan", "build_cyclegan"),
    "cut": ("training.translators.cut", "build_cut"),
    "discogan": ("training.translators.discogan", "build_discogan"),
}
"""Module and name of each builder `(recipe) -> Translator`; imported when used."""


def build_model(recipe: Recipe) -> Translator:
    """All players of a recipe: a `training.adversarial.model.AdversarialModel`.

    Args:
        recipe: of a translator; `model.weights` names a file of a similar one to start from, e.g. one that learned
            smaller images.

    Returns:
        In training mode, on the CPU; generators by direction, e.g. "cow_to_horse". Each generator takes and gives
        float32 (n, 3, height, width) in -1..1 and says of itself: `multiple` and `least`, of a side in pixels, and
        `local`, whether tiles of an image can be translated one by one.

    Raises:
        TrainingError: no such model, no table `adversarial`, an option that the model does not have, or weights of
            another network.
    """
    name = recipe.model.name
    if name not in BUILDERS:
        raise TrainingError(f"model.name: there is no translator '{name}'; there are {', '.join(BUILDERS)}")
    module, function = BUILDERS[name]
    builder: Callable[[Recipe], Translator] = getattr(import_module(module), function)
    model = builder(recipe)
    if recipe.model.weights:
        initialise(kept(model), Path(recipe.model.weights))
    return model


def build_generator(recipe: Recipe, direction: str) -> nn.Module:
    """One generator of a recipe with new weights.

    Raises:
        TrainingError: as `build_model`, or the recipe has no generator of that direction.
    """
    generators = build_model(without_starts(recipe)).generators
    if direction not in generators:
        raise TrainingError(f"{recipe.name} has no generator '{direction}'; it has {', '.join(generators)}")
    return generators[direction]


def kept(model: Translator) -> nn.Module:
    """What a run keeps as its best weights: the generator, or all of several, by direction."""
    generators = dict(model.generators)
    return next(iter(generators.values())) if len(generators) == 1 else nn.ModuleDict(generators)


def is_translator(recipe: Recipe) -> bool:
    """Whether a recipe trains a translator."""
    return recipe.model.name in BUILDERS


def learns_from_pairs(recipe: Recipe) -> bool:
    """Whether a translator is taught by pairs, and not by two domains."""
    return recipe.model.name == "pix2pix"
