"""`python -m training convert SRC --to yolo --into DIR`: annotations from any format into any other."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from training.errors import TrainingError

Source = Annotated[Path, typer.Argument(metavar="SRC", help="A folder: Pascal VOC, YOLO or COCO, told by its layout.")]
Target = Annotated[Path, typer.Option("--into", metavar="DIR", help="A new or empty folder for the result.")]
Classes = Annotated[
    str,
    typer.Option(
        "--classes",
        metavar="A,B,C",
        help="Labels in the order of their numbers, or 'face-masks' or 'hard-hats' for those of Kaggle's sets; "
        "others are skipped. Else all labels found.",
    ),
]
OneBased = Annotated[
    bool, typer.Option("--one-based", help="VOC counts pixels from 1, the last included, as true PASCAL VOC does.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first fault.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert")(convert)


def convert(
    source: Source,
    *,
    to: Annotated[Literal["voc", "yolo", "coco"], typer.Option("--to", help="The format to write.")],
    into: Target,
    classes: Classes = "",
    one_based: OneBased = False,
    strict: Strict = False,
) -> None:
    """Convert annotations between Pascal VOC, YOLO and COCO; every fault is named, images are copied.

    A VOC source that counts from 1 becomes one that counts from 0, also from VOC to VOC.
    """
    from training.data.formats import Format, class_names, read_set, recognise, write_set  # noqa: PLC0415 - OpenCV
    from training.data.report import print_set  # noqa: PLC0415 - OpenCV

    names = class_names(classes) if classes else ()
    found = read_set(source, classes=names, one_based=one_based, strict=strict)
    print_set(found, source)
    if not found.images:
        raise TrainingError(f"{source}: no usable image is left, so nothing is written")
    write_set(into, Format(to), found, one_based=one_based and recognise(source) is not Format.VOC)
    typer.echo(f"wrote {len(found.images)} images as {to} into {into}")
    difficult = sum(box.difficult for image in found.images for box in image.boxes)
    if difficult and to == "yolo":
        typer.echo(f"{difficult} boxes are marked difficult and left out, as YOLO has no such mark")
    if to == "yolo" and not found.splits:
        typer.echo("all images are in images/train: `python -m training split` holds some of them out")
