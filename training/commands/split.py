"""`python -m training split SRC --into DIR`: which images are trained on and which only checked with, by a seed."""

from typing import Annotated

import typer

from training.commands.convert import Classes, OneBased, Source, Target
from training.errors import TrainingError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("split")(split)


def split(
    source: Source,
    *,
    into: Target,
    validation: Annotated[
        float, typer.Option(help="Images to check with: below 1 their share, from 1 on their number.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    classes: Classes = "",
    one_based: OneBased = False,
) -> None:
    """Split a set into training and validation, fair to rare classes, and write it in its own format.

    Images that the folder keeps for testing stay there. The same seed splits the same names alike on any machine.
    """
    from training.data.formats import class_names, read_set, recognise, write_set  # noqa: PLC0415 - OpenCV
    from training.data.report import print_set  # noqa: PLC0415 - OpenCV
    from training.data.splits import with_splits  # noqa: PLC0415 - OpenCV

    name = recognise(source)
    found = read_set(source, classes=class_names(classes) if classes else (), one_based=one_based)
    try:
        found = with_splits(found, validation, seed)
    except TrainingError as error:
        raise TrainingError(f"{source}: {error}") from None
    print_set(found, source)
    write_set(into, name, found, one_based=one_based)
    typer.echo(f"wrote {len(found.of('train'))} images to train on and {len(found.of('validation'))} to check with")
