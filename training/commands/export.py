"""`python -m training export RUN --into REPOSITORY --name NAME`: a finished run becomes a model that servers load."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.train import RUNS
from training.errors import TrainingError
from training.run import read_recipe

DETECTORS, GENERATORS = "Detectors", "Generators"

Into = Annotated[Path, typer.Option(metavar="REPOSITORY", help="The model repository, e.g. services/detector/models.")]
Name = Annotated[str, typer.Option(help="The model's name, which becomes its folder's.")]
Version = Annotated[int, typer.Option(help="The model's version; other versions of the folder stay.")]
Force = Annotated[bool, typer.Option("--force", help="Replace that version where it exists.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Least score that counts when a caller names none, 0..1.", show_default="0.25", rich_help_panel=DETECTORS
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Held-out images to prove the exported graph with.",
        show_default="50",
        rich_help_panel=DETECTORS,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Take them from this folder instead of the run's own data.",
        show_default=False,
        rich_help_panel=DETECTORS,
    ),
]
Critic = Annotated[
    bool,
    typer.Option("--critic", help="Export the critic too: how real it finds each image.", rich_help_panel=GENERATORS),
]
Description = Annotated[
    str | None,
    typer.Option(
        help="A sentence for people; else the recipe's title.", show_default=False, rich_help_panel=GENERATORS
    ),
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
    threshold: Threshold = None,
    images: Images = None,
    data: Data = None,
    critic: Critic = False,
    description: Description = None,
) -> None:
    """Write a trained network into a model repository, once the graph is proven to give what the network gives."""
    from training.export.repository import Place  # noqa: PLC0415 - torch only when needed

    place = Place(into, name, version, force)
    place.check()
    folder = find_run(run)
    if read_recipe(folder / "recipe.json").adversarial is None:
        _refuse(folder, "a detector", {"--critic": critic or None, "--description": description})
        from training.export.detectors import pipeline as detectors  # noqa: PLC0415

        said = detectors.export_run(folder, place, 0.25 if threshold is None else threshold, images or 50, data)
    else:
        _refuse(folder, "a generator", {"--threshold": threshold, "--images": images, "--data": data})
        from training.export.generators import pipeline as generators  # noqa: PLC0415

        said = generators.export_run(folder, place, critic=critic, description=description)
    for line in said:
        typer.echo(line)


def _refuse(folder: Path, kind: str, options: dict[str, object]) -> None:
    """Say which option does nothing, rather than ignore it."""
    for name, value in options.items():
        if value is not None:
            raise TrainingError(f"{name}: {folder} is the run of {kind}, for which there is no such option")


def find_run(run: str) -> Path:
    """The folder of a run that a person names by folder or by recipe.

    Raises:
        TrainingError: there is no such run.
    """
    for folder in (Path(run), RUNS / run):
        if (folder / "recipe.json").is_file():
            return folder
    raise TrainingError(f"there is no run '{run}': neither {run} nor {RUNS / run} has a recipe.json")
