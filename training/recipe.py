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
Count = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(gt=0, le=10)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    weight_decay: NotNegative = 0.0
    momentum: Fraction = 0.9
    warmup: Count = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"


class Loop(_Table):
    """How long and in what steps.

    Attributes:
        epochs: passes over the training images.
        batch: images of a step, over all processes.
        steps: most steps of an epoch; 0: as many as there are batches.
        seed: of everything random.
        precision: of the computation; weights are always float32.
        ema: most decay of the averaged weights; 0: none are kept.
        clip_norm: most length of the gradient; 0: as it is.
        workers: processes that prepare images.
        evaluate_every: epochs.
    """

    epochs: Positive
    batch: Positive
    steps: Count = 0
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    ema: Fraction = 0.0
    clip_norm: NotNegative = 0.0
    workers: Count = 2
    evaluate_every: Positive = 1


class Augment(_Table):
    """How training images are varied; `training.augment` says exactly what each does.

    Attributes:
        flip: share of images mirrored.
        zoom: least and greatest factor that an image is scaled by.
        shift: most that the centre moves, as a share of the side.
        brightness, contrast, saturation, hue: most change of each, as in torchvision's ColorJitter.
        mosaic: share of images that are put together from four.
    """

    flip: Share = 0.5
    zoom: tuple[Scale, Scale] = (0.5, 1.5)
    shift: Share = 0.1
    brightness: Share = 0.3
    contrast: Share = 0.3
    saturation: Share = 0.3
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.015
    mosaic: Share = 0.0


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
    augment: Augment = Augment()
    paper: dict[str, str | float] = {}


def recipe_names() -> list[str]:
    """All recipes, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def recipe_title(name: str) -> str:
    """The line for people, or what is wrong with the file: help must not fail because one recipe is broken."""
    try:
        return str(_read(name).get("title", "(no title)"))
    except TrainingError as error:
        return f"(broken: {error})"


def load_recipe(name: str, *, smoke: bool = False, changes: Mapping[str, str] | None = None) -> Recipe:
    """A recipe by name, made small where `smoke` is set, with single fields replaced.

    Args:
        name: the file's name without its ending.
        smoke: replace the fields that the table `smoke` names.
        changes: texts by dotted field; a text is read as TOML reads a value, else as the text that it is.

    Raises:
        TrainingError: no such recipe, or a field that is unknown, missing or out of range; the sentence names it.
    """
    table = _read(name)
    small = table.pop("smoke", {})
    for field, value in small.items() if smoke else ():
        _replace(table, field, value)
    for field, text in (changes or {}).items():
        _replace(table, field, _value(text))
    try:
        return Recipe(name=name, **table)
    except ValidationError as error:
        raise TrainingError(f"recipe {name}: {_complaint(error)}") from None


def _read(name: str) -> dict[str, Any]:
    file = FOLDER / f"{name}.toml"
    if not file.is_file():
        raise TrainingError(f"there is no recipe '{name}'; there are {', '.join(recipe_names())}")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: {error}") from None


def _replace(table: dict[str, Any], field: str, value: Any) -> None:
    """Set a field by its dotted name."""
    *path, last = field.split(".")
    for step in path:
        inner = table.setdefault(step, {})
        if not isinstance(inner, dict):
            raise TrainingError(f"'{field}' names no field of a recipe: '{step}' is a value")
        table = inner
    table[last] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except tomllib.TOMLDecodeError:
        return text


def _complaint(error: ValidationError) -> str:
    """The first fault, in one line that names the field and the value."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"there is no field '{field}'"
    if first["type"] == "missing":
        return f"the field '{field}' is missing"
    return f"{field} = {first['input']!r}: {first['msg']}"
