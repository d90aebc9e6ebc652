"""`python -m training export RUN --into REPOSITORY --name NAME`: a finished run becomes a model that servers load."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from training.commands.train import RUNS
from training.errors import TrainingError
from training.recipe import Recipe
from training.run import read_recipe

DETECTORS, GENERATORS, TRANSLATORS, STYLIZERS = "Detectors", "Generators", "Translators", "Stylizers"
OPTIONS = {
    "detector": ("--threshold", "--images", "--data"),
    "generator": ("--critic", "--description"),
    "translator": ("--direction", "--family", "--tile", "--data", "--description"),
    "stylizer": ("--encoder", "--description"),
    "feature network": ("--task", "--description"),
}
"""What can be said of each kind of model beside where it goes."""

Into = Annotated[Path, typer.Option(metavar="REPOSITORY", help="The model repository, e.g. services/detector/models.")]
Name = Annotated[
    str | None,
    typer.Option(
        help="The model's name, which becomes its folder's. Without it the directions of a translator have their own.",
        show_default=False,
    ),
]
Version = Annotated[int, typer.Option(help="The model's version; other versions of the folder stay.")]
Force = Annotated[bool, typer.Option("--force", help="Replace that version where it exists.")]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Of a detector or translator: take held-out images from this folder instead of the run's own data.",
        show_default=False,
    ),
]
Description = Annotated[
    str | None,
    typer.Option(
        help="Of a model that makes images: a sentence for people; else the recipe's title.", show_default=False
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Least score that counts when a caller names none, 0..1.", show_default="0.25", rich_help_panel=DETECTORS
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        min=1, help="Held-out images to prove the exported graph with.", show_default="50", rich_help_panel=DETECTORS
    ),
]
Critic = Annotated[
    bool,
    typer.Option("--critic", help="Export the critic too: how real it finds each image.", rich_help_panel=GENERATORS),
]
Direction = Annotated[
    str | None,
    typer.Option(
        help="The only direction to export, e.g. cow_to_horse.", show_default="all", rich_help_panel=TRANSLATORS
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        help="What the directions of two domains share; callers may name it instead of a model.",
        show_default="the data's source",
        rich_help_panel=TRANSLATORS,
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Side in pixels of the tiles that larger images are cut into, or that they are shrunk to where the "
        "network looks at the whole image.",
        show_default="the training's, for tiles at least 256",
        rich_help_panel=TRANSLATORS,
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="The name of the second model, which tells the statistics of styles.",
        show_default="style_encoder",
        rich_help_panel=STYLIZERS,
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="What features are to serve: style-optimization or image-dreaming.",
        show_default=False,
        rich_help_panel=STYLIZERS,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(  # noqa: PLR0913 - one for each option
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a recipe whose run is in build/runs.")],
    *,
    into: Into,
    name: Name = None,
    version: Version = 1,
    force: Force = False,
    data: Data = None,
    description: Description = None,
    threshold: Threshold = None,
    images: Images = None,
    critic: Critic = False,
    direction: Direction = None,
    family: Family = None,
    tile: Tile = None,
    encoder: Encoder = None,
    task: Task = None,
) -> None:
    """Write a trained network into a model repository, once the graph is proven to give what the network gives."""
    from training.export.repository import Place  # noqa: PLC0415 - torch only when needed

    place = Place(into, name or "", version, force)
    if name is not None:
        place.check()
    folder = find_run(run)
    given = {
        "--threshold": threshold, "--images": images, "--data": data, "--critic": critic or None,
        "--description": description, "--direction": direction, "--family": family, "--tile": tile,
        "--encoder": encoder, "--task": task,
    }  # fmt: skip
    kind = _kind(read_recipe(folder / "recipe.json"))
    _check_options(kind, folder, name, given)
    for line in _export(kind, folder, place, given):
        typer.echo(line)


def _kind(recipe: Recipe) -> str:
    if recipe.adversarial is None:
        return {"adain": "stylizer", "judge-features": "feature network"}.get(recipe.model.name, "detector")
    from training.translators.registry import is_translator  # noqa: PLC0415 - torch only when needed

    return "translator" if is_translator(recipe) else "generator"


def _check_options(kind: str, folder: Path, name: str | None, given: dict[str, Any]) -> None:
    """Say which option does nothing, rather than ignore it."""
    for option, value in given.items():
        if value is not None and option not in OPTIONS[kind]:
            raise TrainingError(f"{option}: {folder} is the run of a {kind}, for which there is no such option")
    if name is None and kind != "translator":
        raise TrainingError(f"--name is missing: what is the {kind} of {folder} to be called?")


def _export(kind: str, folder: Path, place: Any, given: dict[str, Any]) -> Iterator[str]:
    """Export by whatever exports this kind of model; what it says."""
    data, description = given["--data"], given["--description"]
    if kind == "detector":
        from training.export.detectors import pipeline as detectors  # noqa: PLC0415 - torch only when needed

        threshold = 0.25 if given["--threshold"] is None else given["--threshold"]
        return detectors.export_run(folder, place, threshold, given["--images"] or 50, data)
    if kind == "generator":
        from training.export.generators import pipeline as generators  # noqa: PLC0415 - torch only when needed

        return generators.export_run(folder, place, critic=bool(given["--critic"]), description=description)
    if kind in ("stylizer", "feature network"):
        from training.export.stylisers import pipeline as stylisers  # noqa: PLC0415 - torch only when needed

        asked = stylisers.Wishes(given["--task"], given["--encoder"] or stylisers.ENCODER, description)
        export_run = stylisers.export_stylizer_run if kind == "stylizer" else stylisers.export_features_run
        return export_run(folder, place, asked)
    from training.export.translators import pipeline as translators  # noqa: PLC0415 - torch only when needed

    wishes = translators.Wishes(given["--direction"], given["--family"], given["--tile"], data, description)
    return translators.export_run(folder, place, wishes)


def find_run(run: str) -> Path:
    """The folder of a run that a person names by folder or by recipe.

    Raises:
        TrainingError: there is no such run.
    """
    for folder in (Path(run), RUNS / run):
        if (folder / "recipe.json").is_file():
            return folder
    raise TrainingError(f"there is no run '{run}': neither {run} nor {RUNS / run} has a recipe.json")
