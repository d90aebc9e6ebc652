"""Reads a recipe: one experiment, one TOML file, every field checked by name.

A recipe says what is trained (`model`), on what (`data`), how (`optimiser`, `loop`), what a `--smoke` run changes, and
what the paper reported. Single fields are replaced by their dotted names: `--set loop.epochs=5`.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import TrainingError

FOLDER = Path(__file__).resolve().parent / "recipes"

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Table):
    """The data set: a renderer's, or that of a folder given by `--data`.

    Attributes:
        source: a renderer's name, e.g. "masks", or "folder" when the data comes from outside.
        classes: labels, in the order of their numbers.
        train, validation: images of each split that a renderer makes.
        width, height: pixels of a rendered image.
        seed: of the first training image; validation images are made from seeds that training never reaches.
    """

    source: str
    classes: tuple[str, ...] = Field(min_length=1)
    train: Positive
    validation: Positive
    width: Positive = 416
    height: Positive = 416
    seed: int = 1


class Model(_Table):
    """The network: its name in `training.detectors`, the side of its square input in pixels, its own options."""

    name: str
    size: Positive
    weights: str = ""
    options: dict[str, Any] = {}


class Optimiser(_Table):
    """How weights are changed. `warmup` is in steps; `momentum` is SGD's, or Adam's first beta."""

    name: Literal["adamw", "adam", "sgd", "rmsprop"]
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(0.0, ge=0)
    momentum: Fraction = 0.9
    warmup: int = Field(0, ge=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"


class Loop(_Table):
    """How long and in what steps. `ema` 0: no averaged weights; `clip_norm` 0: gradients as they are."""

    epochs: Positive
    batch: Positive
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    ema: Fraction = 0.0
    clip_norm: float = Field(0.0, ge=0)
    workers: int = Field(2, ge=0)
    evaluate_every: Positive = 1


class Recipe(_Table):
    """One experiment.

    Attributes:
        name: the file's name without its ending.
        title: one line for people.
        source: where the experiment is described.
        paper: what the paper reports, for the table beside our values.
    """

    name: str
    title: str
    source: str
    data: Data
    model: Model
    optimiser: Optimiser
    loop: Loop
    paper: dict[str, str | float] = {}


def recipe_names() -> list[str]:
    """All recipes, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load_recipe(name: str, *, smoke: bool = False, changes: Mapping[str, str] | None = None) -> Recipe:
    """A recipe by name, made small where `smoke` is set, with single fields replaced.

    Raises:
        TrainingError: no such recipe, or a field that is unknown, missing or out of range; the sentence names it.
    """
    file = FOLDER / f"{name}.toml"
    if not file.is_file():
        raise TrainingError(f"there is no recipe '{name}'; there are {', '.join(recipe_names())}")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{file}: {error}") from None
    small = table.pop("smoke", {})
    for field, value in (*(small.items() if smoke else ()), *(changes or {}).items()):
        _replace(table, field, value)
    try:
        return Recipe(name=name, **table)
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"recipe {name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _replace(table: dict[str, Any], field: str, value: Any) -> None:
    """Set a field by its dotted name. Text becomes the number that it spells, as pydantic reads it."""
    *path, last = field.split(".")
    for step in path:
        inner = table.setdefault(step, {})
        if not isinstance(inner, dict):
            raise TrainingError(f"'{field}' names no field of a recipe: '{step}' is a value")
        table = inner
    table[last] = value
