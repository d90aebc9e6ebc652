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
from training.fields import field_value, first_complaint, replace_field

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
        source: a renderer's name, e.g. "masks", "digits", or "folder" when the data comes from outside.
        classes: labels, in the order of their numbers; of a translator what both sides are, e.g. "aerial", "map".
        exclusive: for detectors: one thing has one of the classes, so that of two boxes at one place one is wrong.
        train, validation: images of each split that a renderer makes.
        width, height: pixels of a rendered image.
        channels: 3 for colour, 1 for grey.
        seed: of the first training image; validation images are made from seeds that training never reaches.
    """

    source: str
    classes: tuple[str, ...] = Field(min_length=1)
    exclusive: bool = False
    train: Positive
    validation: Positive
    width: Positive = 416
    height: Positive = 416
    channels: Literal[1, 3] = 3
    seed: int = 1


class Model(_Table):
    """The network: its name in `training.detectors`, `.generators`, `.translators` or `.judges`, its options.

    Attributes:
        size: side in pixels of the square image that it takes or makes.
        weights: a file to start from.
        options: the network's own.
    """

    name: str
    size: Positive
    weights: str = ""
    options: dict[str, Any] = {}


class Optimiser(_Table):
    """How weights are changed.

    Attributes:
        momentum: SGD's, or Adam's first beta.
        warmup: steps.
        schedule: how the rate falls to 0.
        decay_from: share of all steps after which it begins to fall; 0.5 is CycleGAN's.
    """

    name: Literal["adamw", "adam", "sgd", "rmsprop"]
    learning_rate: float = Field(gt=0)
    weight_decay: NotNegative = 0.0
    momentum: Fraction = 0.9
    warmup: Count = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    decay_from: Fraction = 0.0


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
        save_every: epochs from one checkpoint to the next; the last epoch is always saved.
        compile: make kernels of a generator's and a critic's layers: minutes once, then faster steps on a GPU.
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
    save_every: Positive = 1
    compile: bool = False


class Adversarial(_Table):
    """How two players are trained against each other. All of it acts in `training.adversarial`.

    Attributes:
        loss: of both players, by the name of `training.adversarial.losses`.
        real_label, fake_label: what the critic is to say of real and of made images, under "non-saturating" and
            "least-squares"; 0.9 and 0 is one-sided smoothing, 0.9 and 0.1 two-sided.
        label_switching: share of a batch whose labels are exchanged for the critic.
        instance_noise: deviation of the noise on all images that the critic sees, in units of -1..1, at the first step;
            falls linearly to 0 at `noise_until`, a share of all steps.
        gradient_penalty: weight of WGAN-GP's penalty.
        r1, r2: weights of the gradient penalties at real and at made images.
        penalty_every: steps from one computation of the penalties to the next; their weight grows as much.
        clip_weights: most size of a critic's weight, as in the first WGAN; 0: any.
        critic_steps, generator_steps: updates of each player in one step of the loop.
        balance: "fixed", or "dynamic": whoever is far ahead waits (`training.adversarial.balance`).
        critic_rate: the critic's learning rate as a share of the generator's.
        augment: differentiable augmentation of whatever the critic sees.
        class_weight: of the class losses, for models with classes.
        watch: what to do once the players have fallen apart: "stop" with a sentence, "roll-back" to the best
            checkpoint with half the learning rate, or "note" it and go on, for rows that are to show a failure.
    """

    loss: Literal["non-saturating", "least-squares", "wasserstein", "hinge", "relativistic"]
    real_label: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    fake_label: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    label_switching: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    instance_noise: NotNegative = 0.0
    noise_until: Share = 1.0
    gradient_penalty: NotNegative = 0.0
    r1: NotNegative = 0.0
    r2: NotNegative = 0.0
    penalty_every: Positive = 1
    clip_weights: NotNegative = 0.0
    critic_steps: Positive = 1
    generator_steps: Positive = 1
    balance: Literal["fixed", "dynamic"] = "fixed"
    critic_rate: Scale = 1.0
    augment: tuple[Literal["colour", "translation", "cutout"], ...] = ()
    class_weight: NotNegative = 1.0
    watch: Literal["stop", "roll-back", "note"] = "stop"


class Judge(_Table):
    """What scores the images of a generator: a classifier that was trained on real ones.

    Attributes:
        recipe: of the classifier; it is trained first where no run of it is there yet.
        images: generated for a score; of a translator's held-out ones, those of each domain that are translated for it.
    """

    recipe: str
    images: Positive = 1000


class Augment(_Table):
    """How training images are varied; `training.augment` says exactly what each does for a detector's, and
    `training.judges.variation` for a classifier's. A translator's are only mirrored and zoomed, as
    `training.translators.batches` says.

    Attributes:
        flip: share of images mirrored.
        zoom: least and greatest factor that an image is scaled by.
        shift: most that the centre moves, as a share of the side.
        brightness, contrast, saturation, hue: most change of each, as in torchvision's ColorJitter.
        mosaic: share of a detector's images that are put together from four.
        turn: most degrees that a classifier's image is turned by, either way.
        elastic: about how far single parts of a classifier's image move, as a share of the side.
    """

    flip: Share = 0.5
    zoom: tuple[Scale, Scale] = (0.5, 1.5)
    shift: Share = 0.1
    brightness: Share = 0.3
    contrast: Share = 0.3
    saturation: Share = 0.3
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.015
    mosaic: Share = 0.0
    turn: Annotated[float, Field(ge=0, le=180)] = 0.0
    elastic: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Recipe(_Table):
    """One experiment.

    Attributes:
        name: the file's name without its ending.
        title: one line for people.
        source: where the experiment is described.
        adversarial: for a generator, else None.
        judge: what scores a generator; without one it is scored by nothing.
        paper: what the paper reports, for the table beside our values.
        ablations: parts of the experiment by name, each with what replaces it, by dotted field
            (`python -m training ablate`).
    """

    name: str
    title: str
    source: str
    data: Data
    model: Model
    optimiser: Optimiser
    loop: Loop
    augment: Augment = Augment()
    adversarial: Adversarial | None = None
    judge: Judge | None = None
    paper: dict[str, str | float] = {}
    ablations: dict[str, dict[str, Any]] = {}


def recipe_names() -> list[str]:
    """All recipes, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def recipe_title(name: str) -> str:
    """The line for people, or what is wrong with the file: help must not fail because one recipe is broken."""
    try:
        return str(_read(name).get("title", "(no title)"))
    except TrainingError as error:
        return f"(broken: {error})"


def load_recipe(
    name: str,
    *,
    smoke: bool = False,
    overrides: Mapping[str, Any] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Recipe:
    """A recipe by name, made small where `smoke` is set, with single fields replaced.

    Args:
        name: the file's name without its ending.
        smoke: replace the fields that the table `smoke` names.
        overrides: values by dotted field, e.g. one of the recipe's `ablations`.
        changes: texts by dotted field; a text is read as TOML reads a value, else as the text that it is.

    Raises:
        TrainingError: no such recipe, or a field that is unknown, missing or out of range; the sentence names it.
    """
    table = _read(name)
    small = table.pop("smoke", {})
    for field, value in small.items() if smoke else ():
        replace_field(table, field, value)
    for field, value in (overrides or {}).items():
        replace_field(table, field, value)
    for field, text in (changes or {}).items():
        replace_field(table, field, field_value(text))
    try:
        return Recipe(name=name, **table)
    except ValidationError as error:
        raise TrainingError(f"recipe {name}: {first_complaint(error)}") from None


def _read(name: str) -> dict[str, Any]:
    file = FOLDER / f"{name}.toml"
    if not file.is_file():
        raise TrainingError(f"there is no recipe '{name}'; there are {', '.join(recipe_names())}")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: {error}") from None
