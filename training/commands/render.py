"""`python -m training render masks --into DIR`: annotated pictures made by a renderer, as a Pascal VOC folder."""

from pathlib import Path
from typing import Annotated

import typer

from training.errors import TrainingError

LEAST, MOST = 32, 4096
"""Sides of a rendered picture in pixels."""
SHOWN = 40
"""Pictures on a contact sheet at most."""

What = Annotated[str, typer.Argument(metavar="WHAT", help="The renderer: masks (faces) or construction (hard hats).")]
Into = Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; what it already has is kept.")]
Count = Annotated[int, typer.Option(min=1, help="Pictures.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the first picture; the others follow.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Width and height of a picture in pixels.")]
Sheet = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png", help=f"Also draw the first {SHOWN} with their boxes on one page.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("render")(render)


def render(
    what: What,
    *,
    into: Into,
    count: Count = 100,
    seed: Seed = 1,
    size: Size = "416x416",
    sheet: Sheet = None,
) -> None:
    """Render annotated pictures: images/*.jpg and annotations/*.xml, the same on every machine for the same seed."""
    from training.data.rendered import render_folder  # noqa: PLC0415 - OpenCV only when needed
    from training.data.sheet import contact_sheet  # noqa: PLC0415

    images = render_folder(what, parse_size(size), range(seed, seed + count), into)
    typer.echo(f"{into}: {count} pictures, {sum(len(image.boxes) for image in images)} boxes")
    if sheet is not None:
        contact_sheet(images[:SHOWN], sheet)
        typer.echo(f"{sheet}: contact sheet of {min(count, SHOWN)} pictures")


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from "640x480".

    Raises:
        TrainingError: other text, or a side out of range.
    """
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise TrainingError(f"--size {text}: must be width x height in pixels, e.g. 640x480")
    width, height = map(int, sides)
    if not (LEAST <= width <= MOST and LEAST <= height <= MOST):
        raise TrainingError(f"--size {text}: each side must be {LEAST} to {MOST} pixels")
    return width, height
