"""`python -m training log RECIPE`: a finished run as a row of training/LOG.md."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.train import RUNS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("log")(log)


def log(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="The recipe's name.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder; else build/runs/RECIPE.", show_default=False)
    ] = None,
) -> None:
    """Print a finished run as a row of the table in training/LOG.md."""
    from training.summary import log_line, read_summary  # noqa: PLC0415 - torch only when needed

    typer.echo(log_line(read_summary(out or RUNS / recipe)))
