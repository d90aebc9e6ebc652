"""`python -m training translations RUN`: a finished translator beside all held-out images, and where it fails."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.export import find_run

FILE = "evaluation.json"

Count = Annotated[int, typer.Option(min=1, help="Columns of the sheet.")]
Worst = Annotated[bool, typer.Option("--worst", help="The worst images instead of the first ones.")]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Images; else those that the run had.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE.png", help="The sheet; else samples.png in the run.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("translations")(translations)


def translations(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a recipe whose run is in build/runs.")],
    *,
    count: Count = 8,
    worst: Worst = False,
    data: Data = None,
    out: Out = None,
) -> None:
    """Measure a finished translator on all held-out images, and draw a sheet: given, made, and wanted or back again.

    The scores also go to evaluation.json in the run's folder.
    """
    from rich.console import Console  # noqa: PLC0415 - what is heavy only when needed
    from rich.table import Table  # noqa: PLC0415

    from training.finished_translator import as_rows, load_finished  # noqa: PLC0415
    from training.run import write_json  # noqa: PLC0415
    from training.samples import write_picture  # noqa: PLC0415

    folder = find_run(run)
    finished = load_finished(folder, data)
    scores = finished.scores()
    write_json(folder / FILE, {"recipe": finished.run.recipe.name, "scores": scores})
    table = Table(title=f"{finished.run.recipe.name}: all held-out images", title_justify="left")
    for column in ("figure", "value", "what it is"):
        table.add_column(column)
    for row in as_rows(scores):
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
    out = out or folder / "samples.png"
    write_picture(finished.sheet(count, worst=worst).pixels, out)
    typer.echo(f"{folder / FILE}\n{out}")
