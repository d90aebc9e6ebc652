"""Finds the two players that a recipe names."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from training.adversarial.gan import GanModel
from training.checkpoint import initialise
from training.errors import TrainingError
from training.recipe import Recipe

BUILDERS = {
    "dcgan": ("training.generators.dcgan", "build_dcgan"),
    "tutorial": ("training.generators.tutorial", "build_tutorial"),
    "acgan": ("training.generators.acgan", "build_acgan"),
    "msg-gan": ("training.generators.msg_gan", "build_msg_gan"),
    "animals": ("training.generators.animals", "build_animals"),
}
"""Module and name of each builder `(recipe, **model.options) -> GanModel`; imported when used."""


def build_model(recipe: Recipe) -> GanModel:
    """Generator and critic of a recipe.

    Args:
        recipe: of a generator; `model.weights` names a file of a similar generator to start from.

    Returns:
        Both in training mode, on the CPU.

    Raises:
        TrainingError: no such model, no table `adversarial`, an option that the model does not have, or weights of
            another network.
    """
    model = recipe.model
    builder = _builder(model.name)
    _check(builder, recipe)
    players = builder(recipe, **model.options)
    if model.weights:
        initialise(players.generator, Path(model.weights))
    return players


def _builder(name: str) -> Callable[..., GanModel]:
    if name not in BUILDERS:
        raise TrainingError(f"model.name: there is no generator '{name}'; there are {', '.join(BUILDERS)}")
    module, function = BUILDERS[name]
    builder: Callable[..., GanModel] = getattr(import_module(module), function)
    return builder


def _check(builder: Callable[..., Any], recipe: Recipe) -> None:
    try:
        inspect.signature(builder).bind(recipe, **recipe.model.options)
    except TypeError as error:
        raise TrainingError(f"model.options of {recipe.model.name}: {error}") from None
