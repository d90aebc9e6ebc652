"""`python -m training haar-sweep`: what the parameters of a Haar cascade make of a folder of faces."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from training.errors import TrainingError

if TYPE_CHECKING:
    from training.classical.haar import Sweep
    from training.classical.keep_rates import KeepRate

OUT = Path("build/haar-sweep")
CHOSEN = (60, 1.2, 20)
"""What the attribute paper settled on (section 5.1): least size, scale factor, least neighbours."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("haar-sweep")(haar_sweep)


def haar_sweep(  # noqa: PLR0913 - each is an option of the command
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Images of faces; none: rendered portraits.")
    ] = None,
    *,
    attributes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CelebA's list_attr_celeba.txt or a CSV like it; else FOLDER/attributes.csv."
        ),
    ] = None,
    min_size: Annotated[list[int], typer.Option(help="Least side of a face in pixels; repeatable.")] = [50, 60],  # noqa: B006
    scale_factor: Annotated[list[float], typer.Option(help="Growth of the search window; repeatable.")] = [1.05, 1.2],  # noqa: B006
    min_neighbours: Annotated[list[int], typer.Option(help="Hits that make a face; repeatable.")] = [3, 10, 20],  # noqa: B006
    portraits: Annotated[int, typer.Option(min=1, help="Portraits to render when there is no FOLDER.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Of the first rendered portrait.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where tables and pictures go.")] = OUT,
    crops: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the faces kept by the last of each parameter.")
    ] = None,
) -> None:
    """Search a folder of faces with every combination of Haar parameters; a sweep that was stopped goes on.

    Writes detections.csv (a line for each image and combination), sweep.csv (shares kept, by attribute too) and
    sweep.png.
    """
    from training.classical import crops as cutting  # noqa: PLC0415 - OpenCV and matplotlib only when needed
    from training.classical.haar import Setting, Sweep, grid  # noqa: PLC0415
    from training.classical.keep_rates import draw_rates, keep_rates, read_attributes, write_rates  # noqa: PLC0415

    settings = grid(min_size, scale_factor, min_neighbours)
    if folder is None:
        folder = _rendered(out / f"portraits-{seed}-{portraits}", portraits, seed)
    listed = attributes or folder / "attributes.csv"
    known = read_attributes(listed) if attributes or listed.is_file() else {}
    sweep = Sweep(folder, settings, out)
    _measure(sweep, workers)
    for file in sweep.unreadable:
        typer.echo(f"skipped {file}: it is no image that can be read", err=True)
    detections = sweep.detections()
    if not detections:
        raise TrainingError(f"{folder}: none of {sweep.images} images could be read")
    rates = keep_rates(detections, known)
    wanted = Setting(*CHOSEN) if Setting(*CHOSEN) in settings else settings[-1]
    chosen = next(rate for rate in rates if rate.setting == wanted)
    write_rates(rates, out / "sweep.csv")
    draw_rates(rates, chosen, f"Haar cascade on {chosen.images} images of {folder.name}", out / "sweep.png")
    Console().print(_table(rates))
    if crops is not None:
        kept = [each for each in detections if each.setting == wanted]
        files = cutting.write_crops(folder, kept, crops)
        cutting.draw_smallest(files, out / "smallest.png")
        typer.echo(f"{len(files)} faces in {crops}" + (f"; the smallest in {out / 'smallest.png'}" if files else ""))
    typer.echo(f"tables and curves: {out / 'sweep.csv'}, {out / 'sweep.png'}")


def _rendered(folder: Path, count: int, seed: int) -> Path:
    from training.classical.portraits import ATTRIBUTES_FILE, write_portraits  # noqa: PLC0415

    if not (folder / ATTRIBUTES_FILE).is_file():  # written last
        for _ in track(write_portraits(folder, count, seed), "portraits", total=count):
            pass
    return folder


def _measure(sweep: "Sweep", workers: int) -> None:
    with Progress() as progress:
        task = progress.add_task("searching", total=sweep.images)
        for done in sweep.run(workers):
            progress.advance(task, done)


def _table(rates: Iterable["KeepRate"]) -> Table:
    table = Table("least size", "scale factor", "neighbours", "kept", "share", "several faces", "ms, median")
    for rate in rates:
        setting = rate.setting
        cells = (setting.min_size, setting.scale_factor, setting.min_neighbours, rate.kept)
        table.add_row(*map(str, cells), f"{rate.share:.3f}", str(rate.several), f"{rate.median_ms:.1f}")
    return table
