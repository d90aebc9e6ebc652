"""`python -m training render masks --into DIR`: what a renderer makes, as a Pascal VOC folder or as pairs."""

from pathlib import Path
from typing import Annotated

import typer

from training.errors import TrainingError

LEAST, MOST = 32, 4096
"""Sides of a rendered picture in pixels."""
SHOWN = 40
"""Pictures on a contact sheet at most."""

What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT", help="The renderer: masks (faces), construction (hard hats), or pairs: maps, edges, colorize."
    ),
]
Into = Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; what it already has is kept.")]
Count = Annotated[int, typer.Option(min=1, help="Pictures.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the first picture; the others follow.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Width and height of a picture in pixels.")]
Sheet = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png", help=f"Also draw the first {SHOWN}, with their boxes, on one page.", show_default=False
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
    """Render pictures, the same on every machine for the same seed: annotated ones, or pairs for translators."""
    from training.data.rendered import RENDERERS  # noqa: PLC0415 - OpenCV only when needed
    from training.data.rendered_pairs import VERSIONS  # noqa: PLC0415

    if what not in (*RENDERERS, *VERSIONS):
        raise TrainingError(f"there is no renderer '{what}'; there are {', '.join((*RENDERERS, *VERSIONS))}")
    seeds = range(seed, seed + count)
    if what in VERSIONS:
        _render_pairs(what, parse_size(size), seeds, into, sheet)
    else:
        _render_annotated(what, parse_size(size), seeds, into, sheet)


def _render_annotated(what: str, size: tuple[int, int], seeds: range, into: Path, sheet: Path | None) -> None:
    """images/*.jpg and annotations/*.xml."""
    from training.data.rendered import render_folder  # noqa: PLC0415
    from training.data.sheet import contact_sheet  # noqa: PLC0415

    images = render_folder(what, size, seeds, into)
    typer.echo(f"{into}: {len(seeds)} pictures, {sum(len(image.boxes) for image in images)} boxes")
    if sheet is not None:
        contact_sheet(images[:SHOWN], sheet)
        typer.echo(f"{sheet}: contact sheet of {min(len(seeds), SHOWN)} pictures")


def _render_pairs(what: str, size: tuple[int, int], seeds: range, into: Path, sheet: Path | None) -> None:
    """*.jpg of double width, as in the public set of maps."""
    from training.data.pair_files import pair_sheet, write_pairs  # noqa: PLC0415

    files = write_pairs(what, size, seeds, into)
    typer.echo(f"{into}: {len(files)} pairs, each side by side in one picture")
    if sheet is not None:
        pair_sheet(what, size, seeds[:SHOWN], sheet)
        typer.echo(f"{sheet}: contact sheet of {min(len(seeds), SHOWN)} pairs")


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
