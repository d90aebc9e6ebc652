"""What training asks for: the images of a split, rendered or from a folder."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from training.data.annotations import AnnotatedImage
from training.data.faults import AnnotatedSet, box_counts
from training.data.formats import read_set
from training.data.rendered import rendered_set
from training.data.splits import TrainValidation, split_images
from training.errors import TrainingError
from training.recipe import Recipe

CACHE = Path("build/data")
"""Where rendered images stay from run to run."""

VALIDATION = 0.2
"""Share of a folder's images that is held out, where the folder does not say which."""


def dataset(
    recipe: Recipe, split: Literal["train", "validation"], folder: Path | None = None, cache: Path = CACHE
) -> list[AnnotatedImage]:
    """The images of a split.

    Args:
        recipe: its `data` says what is rendered, or which classes a folder has.
        split: "train" or "validation".
        folder: a VOC, YOLO or COCO set to take instead of the recipe's own images.
        cache: the folder that keeps rendered sets.

    Raises:
        TrainingError: there is neither a renderer nor a folder, or the folder is not fit to train on (`folder_splits`).
    """
    if folder is not None:
        splits = folder_splits(folder, recipe.data.classes, recipe.data.seed)
        return list(splits.train if split == "train" else splits.validation)
    if recipe.data.source == "folder":
        raise TrainingError(f"the recipe {recipe.name} has no data of its own: name a folder with --data")
    return rendered_set(recipe.data, split, cache)


def folder_splits(folder: Path, classes: tuple[str, ...], seed: int = 0) -> TrainValidation:
    """A folder's own splits, or 80 % to train and 20 % to check with, chosen by the seed.

    Faults do not stop it; how many there are, and how many images no split has, is written to standard error.

    Args:
        folder: a VOC, YOLO or COCO set.
        classes: labels to learn, in the order of their numbers; boxes with others are left out.
        seed: of the split.

    Raises:
        TrainingError: no known format, no usable image, a single image, or a class that no box shows.
    """
    found = read_set(folder, classes=classes)
    if found.faults:
        _say(f"{folder}: {len(found.faults)} faults in annotations; `python -m training report {folder}` names them")
    splits = _splits(folder, found, seed)
    for label, count in box_counts(splits.train, classes).items():
        if count == 0:
            raise TrainingError(
                f"{folder}: no box shows the class '{label}' in the {len(splits.train)} images to train on: "
                "add images, or leave it out of data.classes"
            )
    return splits


def _splits(folder: Path, found: AnnotatedSet, seed: int) -> TrainValidation:
    train, validation = found.of("train"), found.of("validation")
    if train and validation:
        unused = len(found.images) - len(found.splits)
        if unused:
            _say(f"{folder}: {unused} images are in none of its splits and are not used")
        return TrainValidation(tuple(train), tuple(validation))
    rest = [image for image in found.images if found.splits.get(image.file) != "test"]
    try:
        return split_images(rest, VALIDATION, seed)
    except TrainingError as error:
        raise TrainingError(f"{folder}: {error}") from None


def _say(sentence: str) -> None:
    Console(stderr=True, highlight=False).print(sentence, markup=False)
