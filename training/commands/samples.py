"""`python -m training samples RUN`: a sheet of a generator's images, their nearest training images, the best ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.export import find_run

if TYPE_CHECKING:
    from training.data.classified import ClassifiedImages
    from training.metrics.finished import FinishedGenerator

COLUMNS = 8
ROWS = 16
"""Made images on a sheet of neighbours at most."""

Count = Annotated[int, typer.Option(min=1, help="Images.")]
Seed = Annotated[int, typer.Option(min=0, help="Image i is the one that the service makes of this seed and index i.")]
Label = Annotated[str, typer.Option(help="The class to ask for; else all in turn.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE.png", help="The sheet; else samples.png in the run.", show_default=False),
]
Neighbours = Annotated[
    bool,
    typer.Option("--neighbours", help=f"Also a sheet of {ROWS} images beside the nearest training images."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write the images that pass the rule of selection, and selection.csv with every image's numbers.",
        show_default=False,
    ),
]
Quantile = Annotated[
    float, typer.Option(min=0, max=1, help="Of the rule: the share of images that the critic finds too little real.")
]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Of the rule: least probability of the judge's class.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("samples")(samples)


def samples(  # noqa: PLR0913 - one for each option
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a recipe whose run is in build/runs.")],
    *,
    count: Count = 64,
    seed: Seed = 0,
    label: Label = "",
    out: Out = None,
    neighbours: Neighbours = False,
    keep: Keep = None,
    critic_quantile: Quantile = 0.5,
    confidence: Confidence = 0.8,
) -> None:
    """Draw images of a finished generator: the same seed, the same images, here and in the service.

    An image passes the rule of selection when the critic finds it more real than most, the judge recognises it (as the
    class that was asked for), and it is no copy: no nearer to a training image than one held-out image in a hundred.
    """
    from training.data.sheet import save_png, sheet  # noqa: PLC0415 - torch and OpenCV only when needed
    from training.metrics.finished import load_generator  # noqa: PLC0415
    from training.metrics.neighbours import picture  # noqa: PLC0415

    finished = load_generator(find_run(run))
    images = finished.draw(count, seed, label)
    out = out or finished.run.folder / "samples.png"
    save_png(out, sheet([picture(pixels) for pixels in images.pixels], COLUMNS))
    typer.echo(f"{out}: {count} images of seed {seed}")
    if neighbours:
        _write_neighbours(finished, images, out.with_name(f"{out.stem}-neighbours.png"))
    if keep is not None:
        _keep(finished, images, keep, critic_quantile, confidence)


def _write_neighbours(finished: "FinishedGenerator", images: "ClassifiedImages", file: Path) -> None:
    from training.metrics.neighbours import memorised_share, spaces, write_neighbours  # noqa: PLC0415

    splits = finished.images()
    found = spaces(images, splits, finished.judge())
    write_neighbours(images, splits.train, found, ROWS, file)
    features, pixels = map(memorised_share, found)
    typer.echo(f"{file}: copies of training images: a share of {features:.3f} by features, {pixels:.3f} by pixels")


def _keep(
    finished: "FinishedGenerator", images: "ClassifiedImages", folder: Path, quantile: float, confidence: float
) -> None:
    from training.data.sheet import save_png  # noqa: PLC0415
    from training.metrics.finished import select_images  # noqa: PLC0415
    from training.metrics.neighbours import in_colour  # noqa: PLC0415
    from training.metrics.selection import write_selection  # noqa: PLC0415

    evidence, selection = select_images(finished, images, quantile, confidence)
    write_selection(images, evidence, selection, folder / "selection.csv")
    for number in selection.kept.tolist():
        save_png(folder / f"{number:05d}.png", in_colour(images.pixels[number]))
    typer.echo(f"{folder}: {len(selection.kept)} of {len(images)} images kept; why not the others: selection.csv")
