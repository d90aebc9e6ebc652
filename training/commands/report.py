"""`python -m training report SRC`: how a set is made up, what is wrong with it, and what it looks like."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.convert import Classes, OneBased, Source

REPORTS = Path("build/reports")
PICTURES = 40
COLUMNS = 8


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    source: Source,
    *,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Where files go; else build/reports/NAME.")
    ] = None,
    classes: Classes = "",
    one_based: OneBased = False,
    seed: Annotated[int, typer.Option(help="Another seed, other pictures on the contact sheet.")] = 0,
) -> None:
    """Report class balance, sizes and every fault of a set, and write a contact sheet: look before you train.

    Files: balance.csv, faults.csv (all of them) and contact-sheet.png (40 pictures, every class among them).
    """
    from training.data.formats import class_names, read_set  # noqa: PLC0415 - OpenCV
    from training.data.report import print_set, write_report  # noqa: PLC0415 - OpenCV
    from training.data.sheet import contact_sheet  # noqa: PLC0415 - OpenCV
    from training.data.splits import split_images  # noqa: PLC0415 - OpenCV

    found = read_set(source, classes=class_names(classes) if classes else (), one_based=one_based)
    print_set(found, source)
    into = into or REPORTS / source.resolve().name
    write_report(into, found)
    if found.images:
        many = len(found.images) > PICTURES
        shown = split_images(found.images, PICTURES, seed).validation if many else found.images
        contact_sheet(shown, into / "contact-sheet.png", COLUMNS)
    typer.echo(f"wrote {', '.join(sorted(file.name for file in into.iterdir()))} into {into}")
