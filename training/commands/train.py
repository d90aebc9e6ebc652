"""Every recipe is a command: `python -m training mask-compact --smoke`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from training.errors import TrainingError
from training.recipe import load_recipe, recipe_names, recipe_title
from training.run import Run

RUNS = Path("build/runs")
PANEL = "Recipes"

Smoke = Annotated[bool, typer.Option("--smoke", help="The recipe's smallest size: does it run at all?")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Train on this folder instead of the recipe's own data.")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder; else build/runs/RECIPE.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Replace a field of the recipe, e.g. loop.epochs=5; repeatable."),
]


def register(app: typer.Typer) -> None:
    """Add one command for each recipe."""
    for name in recipe_names():
        app.command(name, help=recipe_title(name), rich_help_panel=PANEL)(_command(name))


def _command(name: str) -> Callable[..., None]:
    def train(
        *,
        smoke: Smoke = False,
        resume: Resume = False,
        data: Data = None,
        out: Out = None,
        changes: Changes = None,
    ) -> None:
        recipe = load_recipe(name, smoke=smoke, changes=parse_changes(changes or []))
        start(Run(recipe, out or RUNS / (f"{name}-smoke" if smoke else name), data=data, resume=resume))

    return train


def start(run: Run) -> None:
    """Train by whatever trains this kind of model."""
    if run.recipe.adversarial is not None:
        _train_players(run)
    elif run.recipe.model.name.startswith("judge"):
        from training.judges.training import train_judge  # noqa: PLC0415 - torch only when needed

        train_judge(run)
    elif run.recipe.model.name == "adain":
        from training.stylisation.training import train_stylizer  # noqa: PLC0415 - torch only when needed

        train_stylizer(run)
    elif run.recipe.model.name.startswith("yolo"):
        from training.detectors.yolo import train_yolo  # noqa: PLC0415 - torch only when needed

        train_yolo(run)
    else:
        from training.detection import train_detector  # noqa: PLC0415 - torch only when needed

        train_detector(run)


def _train_players(run: Run) -> None:
    """Two players make images: of latent vectors, or of images."""
    from training.translators.registry import is_translator  # noqa: PLC0415 - torch only when needed

    if is_translator(run.recipe):
        from training.translation import train_translator  # noqa: PLC0415

        train_translator(run)
    else:
        from training.generation import train_generator  # noqa: PLC0415

        train_generator(run)


def parse_changes(changes: list[str]) -> dict[str, str]:
    """`FIELD=VALUE` texts by field.

    Raises:
        TrainingError: a text without "=" or without a field.
    """
    pairs = [change.partition("=") for change in changes]
    for change, (field, equals, _) in zip(changes, pairs, strict=True):
        if not (field and equals):
            raise TrainingError(f"--set {change}: must be FIELD=VALUE, e.g. loop.epochs=5")
    return {field: value for field, _, value in pairs}
