"""`python -m training ablate RECIPE`: what each part of an experiment is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.train import RUNS, Changes, Smoke, parse_changes, start
from training.run import write_json

if TYPE_CHECKING:
    from training.metrics.intervals import Interval

FILE = "ablation.json"

Seeds = Annotated[int, typer.Option(min=1, help="Runs of each variant: seeds 0, 1, 2, ...")]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only this variant, 'whole' for the recipe as it is; repeatable."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Of all runs; else build/runs/RECIPE-ablations.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ablate")(ablate)


def ablate(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="One with a table 'ablations'.")],
    *,
    seeds: Seeds = 3,
    only: Only = None,
    smoke: Smoke = False,
    out: Out = None,
    changes: Changes = None,
) -> None:
    """Train a recipe as it is, and without one of its parts at a time, and compare the scores after the last epoch.

    The recipe's table 'ablations' names the parts and what replaces them. Finished runs are not repeated and an
    unfinished one is resumed, so that the command can be stopped, and given again with more seeds.
    """
    from training.ablation import Plan, as_json, variants_of  # noqa: PLC0415 - torch and SciPy only when needed

    variants = variants_of(recipe, only or [])
    folder = out or RUNS / f"{recipe}-ablations{'-smoke' if smoke else ''}"
    plan = Plan(recipe, range(seeds), folder, variants, parse_changes(changes or []), smoke)
    for run in plan.runs():
        typer.echo(f"{run.folder}:", err=True)
        start(run)
    scores = plan.scores()
    write_json(plan.folder / FILE, as_json(scores))
    _print(f"{recipe}: {seeds} seeds, mean and 95 % interval", scores)
    typer.echo(f"{plan.folder / FILE}")


def _print(title: str, scores: Mapping[str, Mapping[str, "Interval"]]) -> None:
    """A row for each variant, a column for each score."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    names = list(dict.fromkeys(name for found in scores.values() for name in found))
    table = Table(title=title, title_justify="left")
    table.add_column("without", no_wrap=True, overflow="fold")
    for column in names:
        table.add_column(column)
    for variant, found in scores.items():
        table.add_row(variant, *(str(found.get(name, "-")) for name in names))
    Console(soft_wrap=True).print(table)
