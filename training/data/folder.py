"""A folder from outside as what a run needs: images to train on and others to check with."""

from collections.abc import Sequence
from pathlib import Path

import typer

from training.data.faults import AnnotatedSet, Fault
from training.data.formats import read_set
from training.data.splits import TrainValidation, with_splits
from training.errors import TrainingError

VALIDATION = 0.2
"""Share of a folder's images that is held out, where the folder does not say which."""

_FAULTS_SHOWN = 5


def folder_splits(folder: Path, classes: Sequence[str], seed: int = 0) -> TrainValidation:
    """A folder's own splits, or 80 % to train on and 20 % to check with, chosen by the seed.

    Images of a split "test" are never used. Faults do not stop it; they, and images that the folder puts into no split,
    are told on standard error.

    Args:
        folder: a VOC, YOLO or COCO set.
        classes: labels to learn, in the order of their numbers; boxes with others are left out.
        seed: of the split.

    Raises:
        TrainingError: no known format, no usable image, or a single image.
    """
    found = read_set(folder, classes=classes)
    tell_faults(folder, found.faults)
    return _splits(folder, found, seed)


def _splits(folder: Path, found: AnnotatedSet, seed: int) -> TrainValidation:
    if not (found.of("train") and found.of("validation")):
        try:
            found = with_splits(found, VALIDATION, seed)
        except TrainingError as error:
            raise TrainingError(f"{folder}: {error}") from None
    unused = len(found.images) - len(found.splits)
    if unused:
        typer.echo(f"note: {folder}: {unused} images are in none of its splits and are not used", err=True)
    return TrainValidation(tuple(found.of("train")), tuple(found.of("validation")))


def tell_faults(folder: Path, faults: Sequence[Fault]) -> None:
    """Say the first faults on standard error, and how many more there are."""
    for fault in faults[:_FAULTS_SHOWN]:
        typer.echo(f"note: {fault}", err=True)
    if len(faults) > _FAULTS_SHOWN:
        rest = len(faults) - _FAULTS_SHOWN
        typer.echo(f"note: and {rest} more faults; `python -m training report {folder}` names all", err=True)
