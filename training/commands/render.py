"""`python -m training render masks --into DIR`: annotated pictures made by a renderer, as a Pascal VOC folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.errors import TrainingError

if TYPE_CHECKING:
    from training.render.folders import RenderedFolder

LEAST, MOST = 32, 4096
"""Sides of a rendered picture in pixels."""
SHOWN = 40
"""Pictures on a contact sheet at most."""

What = Annotated[str, typer.Argument(metavar="WHAT", help="The renderer: masks.")]
Into = Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; what it already has is kept.")]
Count = Annotated[int, typer.Option(min=1, help="Pictures.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the first picture; the others follow.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Width and height of a picture in pixels.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")]
Sheet = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png", help=f"Also draw the first {SHOWN} with their boxes on one page.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("render")(render)


def render(  # noqa: PLR0913 - one for each option
    what: What,
    *,
    into: Into,
    count: Count = 100,
    seed: Seed = 1,
    size: Size = "416x416",
    workers: Workers = 0,
    sheet: Sheet = None,
) -> None:
    """Render annotated pictures: images/*.png and annotations/*.xml, the same on every machine for the same seed."""
    from training.render.folders import RenderedFolder  # noqa: PLC0415 - OpenCV only when needed

    folder = RenderedFolder(into, what, *parse_size(size))
    new = _with_progress(folder, range(seed, seed + count), workers)
    typer.echo(f"{into}: {count} pictures, {new} of them new")
    if sheet is not None:
        _draw(folder, range(seed, seed + min(count, SHOWN)), sheet)


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


def _with_progress(folder: "RenderedFolder", seeds: range, workers: int) -> int:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    new = 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        missing = len(folder.missing(seeds))
        task = progress.add_task(f"rendering {folder.renderer}", total=len(seeds), completed=len(seeds) - missing)
        for done in folder.render(seeds, workers):
            new += done
            progress.advance(task, done)
    return new


def _draw(folder: "RenderedFolder", seeds: range, file: Path) -> None:
    from training.data.sheet import contact_sheet  # noqa: PLC0415

    contact_sheet(folder.read(seeds), file)
    typer.echo(f"{file}: contact sheet of {len(seeds)} pictures")
