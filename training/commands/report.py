"""`python -m training report SRC`: how a set is made up, what is wrong with it, and what it looks like.

SRC is whatever can be trained on: an annotated set, or images with classes (`training.data.classified_folder`).
"""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.convert import Classes, OneBased

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SRC",
        help="Pascal VOC, YOLO or COCO; a folder for each class, with Training/ and Test/ above or not; Kaggle's "
        "train.csv; IDX files. Told by its layout.",
    ),
]
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
    from training.data.formats import class_names, is_annotated  # noqa: PLC0415 - OpenCV

    names = class_names(classes) if classes else ()
    into = into or REPORTS / source.resolve().name
    if is_annotated(source):
        _report_boxes(source, names, into, one_based=one_based, seed=seed)
    else:
        _report_classes(source, names, into, seed)
    typer.echo(f"wrote {', '.join(sorted(file.name for file in into.iterdir()))} into {into}")


def _report_boxes(source: Path, names: tuple[str, ...], into: Path, *, one_based: bool, seed: int) -> None:
    """Report an annotated set."""
    from training.data.formats import read_set  # noqa: PLC0415 - OpenCV
    from training.data.report import print_set, write_report  # noqa: PLC0415 - OpenCV
    from training.data.sheet import contact_sheet  # noqa: PLC0415 - OpenCV
    from training.data.splits import split_images  # noqa: PLC0415 - OpenCV

    found = read_set(source, classes=names, one_based=one_based)
    print_set(found, source)
    write_report(into, found)
    if found.images:
        many = len(found.images) > PICTURES
        shown = split_images(found.images, PICTURES, seed).validation if many else found.images
        contact_sheet(shown, into / "contact-sheet.png", COLUMNS)


def _report_classes(source: Path, names: tuple[str, ...], into: Path, seed: int) -> None:
    """Report images with classes, all or those named."""
    from training.data.classified_folder import read_examples  # noqa: PLC0415 - OpenCV
    from training.data.classified_report import (  # noqa: PLC0415 - OpenCV
        inspect_examples,
        print_examples,
        write_examples_report,
    )
    from training.data.examples import only_classes  # noqa: PLC0415 - OpenCV

    found = only_classes(read_examples(source, names), names)
    inspection = inspect_examples(found, PICTURES, seed)
    print_examples(found, inspection)
    write_examples_report(into, found, inspection, COLUMNS)
