"""`python -m training curves RUN ...`: one kind of curve of several runs beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.export import find_run

Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Run folders, or recipes whose runs are in build/runs.")
]
Group = Annotated[str, typer.Option(help="Which curves: loss, accuracy, frechet, ...; as the panels of curves.png.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE.png", help="The picture.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("curves")(curves)


def curves(runs: Runs, *, group: Group = "loss", out: Out = Path("build/curves.png")) -> None:
    """Draw one kind of curve of several runs, a panel for each."""
    from training.curves import compare_curves, read_metrics  # noqa: PLC0415 - matplotlib only when needed

    found = {run: read_metrics(find_run(run) / "metrics.jsonl") for run in runs}  # two folders may have one name
    compare_curves(found, group, out)
    typer.echo(f"{out}: {group} of {len(found)} runs")
