"""`python -m training export RUN --into REPOSITORY --name NAME`: a finished run becomes a model that servers load."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.train import RUNS
from training.errors import TrainingError

Into = Annotated[Path, typer.Option(metavar="REPOSITORY", help="The model repository, e.g. services/detector/models.")]
Name = Annotated[str, typer.Option(help="The model's name, which becomes its folder's.")]
Version = Annotated[int, typer.Option(help="The model's version; other versions of the folder stay.")]
Force = Annotated[bool, typer.Option("--force", help="Replace that version where it exists.")]
Threshold = Annotated[float, typer.Option(help="Least score that counts when a caller names none, 0..1.")]
Images = Annotated[int, typer.Option(min=1, help="Held-out images to prove the exported graph with.")]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Take them from this folder instead of the run's own data.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(  # noqa: PLR0913 - one for each option
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a recipe whose run is in build/runs.")],
    *,
    into: Into,
    name: Name,
    version: Version = 1,
    force: Force = False,
    threshold: Threshold = 0.25,
    images: Images = 50,
    data: Data = None,
) -> None:
    """Write a trained detector into a model repository, once the graph is proven to find what the network finds."""
    from training.export.pipeline import export_model, held_out_images  # noqa: PLC0415 - torch only when needed
    from training.export.repository import Place  # noqa: PLC0415
    from training.export.trained import load_run  # noqa: PLC0415

    place = Place(into, name, version, force)
    place.check()
    trained = load_run(find_run(run))
    exported = export_model(trained, held_out_images(trained, images, data), place, threshold)
    if exported.refused:
        typer.echo(f"weights stay in float32, since half precision changes what is found: {exported.refused}")
    for proof in exported.proofs:
        typer.echo(
            f"{proof.engine}, {proof.precision}: {proof.detections} detections on {proof.images} images are equal "
            f"(least IoU {proof.worst_iou:.4f}, scores within {proof.worst_score:.4f})"
        )
    typer.echo(f"{exported.folder}: version {version}, {trained.licence}")


def find_run(run: str) -> Path:
    """The folder of a run that a person names by folder or by recipe.

    Raises:
        TrainingError: there is no such run.
    """
    for folder in (Path(run), RUNS / run):
        if (folder / "recipe.json").is_file():
            return folder
    raise TrainingError(f"there is no run '{run}': neither {run} nor {RUNS / run} has a recipe.json")
