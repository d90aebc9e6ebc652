"""A set of images with classes from outside: which layout it has, and its two splits at the recipe's size."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from training.data.class_folders import class_folders, has_pictures, read_upright
from training.data.classified import ClassifiedSplits
from training.data.digit_csv import csv_examples
from training.data.examples import Example, ExampleSet, load_examples, pick_classes
from training.data.faults import Findings
from training.data.folder import VALIDATION, tell_faults
from training.data.formats import is_annotated, read_set
from training.data.idx import idx_examples, is_idx
from training.data.scene_classes import scene_class
from training.data.stratified import stratified
from training.errors import TrainingError
from training.recipe import Data

Chosen = list[tuple[Example, int]]


def classified_splits(source: Path, data: Data) -> ClassifiedSplits:
    """The images of the recipe's classes, to train on and to check with.

    The set's own splits are taken: validation, or else test, to check with; a set without them is divided by
    `data.seed`, 20 % of each class to check with. Faults do not stop it; they are told on standard error.

    Args:
        source: what `read_examples` accepts.
        data: classes, size and channels of the images.

    Raises:
        TrainingError: as `read_examples` and `pick_classes`, or not both splits have an image.
    """
    found = read_examples(source, data.classes)
    train, held_out = _divided(pick_classes(found, data.classes), data.seed)
    findings = Findings()
    splits = ClassifiedSplits(load_examples(train, data, findings), load_examples(held_out, data, findings))
    tell_faults(source, (*found.faults, *findings.by_file()))
    usable = len(splits.train) + len(splits.validation)
    if not (len(splits.train) and len(splits.validation)):
        what = "a single usable image" if usable == 1 else f"{usable or 'no'} usable images"
        raise TrainingError(
            f"{source}: {what} of the classes asked for: training and validation need at least one each"
        )
    return splits


def read_examples(source: Path, classes: Sequence[str]) -> ExampleSet:
    """The images of a set, told by its layout.

    Args:
        source: a table of Kaggle's digit recognizer or a folder with one; IDX files; an annotated set (VOC, YOLO,
            COCO), whose images are whole scenes; `Training/` and `Test/` with a folder for each class; a folder for
            each class; or a folder of images without classes.
        classes: that are asked for; with several, scenes are told apart by what is in them (`scene_classes`).

    Raises:
        TrainingError: there is nothing of the kind, or a table is wrong; the sentence names what and where.
    """
    if source.is_file():
        return csv_examples(source, labelled=len(classes) > 1)
    if not source.is_dir():
        raise TrainingError(f"{source}: there is no such folder")
    if is_idx(source):
        return idx_examples(source)
    if table := _table(source):
        return csv_examples(table, labelled=len(classes) > 1)
    if is_annotated(source):
        return _scenes(source, classes)
    if has_pictures(source):
        return class_folders(source)
    raise TrainingError(
        f"{source}: no set of images: it has neither images, in a folder for each class or not, nor annotations "
        "(VOC, YOLO, COCO) nor a table train.csv (Kaggle's digits) nor files *-images-idx3-ubyte (MNIST)"
    )


def _table(folder: Path) -> Path | None:
    """The table to train on: train.csv, or the only one beside what Kaggle wants to be handed in."""
    tables = sorted(
        file for file in folder.iterdir() if file.suffix.lower() == ".csv" and "submission" not in file.name
    )
    named = [file for file in tables if file.name.lower() == "train.csv"]
    if has_pictures(folder) or not tables:  # pictures often have tables beside them
        return named[0] if named and not has_pictures(folder) else None
    if not named and len(tables) > 1:
        raise TrainingError(
            f"{folder}: which of {', '.join(file.name for file in tables)} is meant? Name the file itself"
        )
    return (named or tables)[0]


def _scenes(folder: Path, classes: Sequence[str]) -> ExampleSet:
    """Whole images of an annotated set."""
    found = read_set(folder)
    examples = [
        Example(
            image.file.name,
            classes[scene_class(image.boxes, classes)] if len(classes) > 1 else None,
            found.splits.get(image.file),
            partial(read_upright, image.file),
        )
        for image in found.images
    ]
    return ExampleSet(folder, examples, tuple(classes) if len(classes) > 1 else (), found.faults)


def _divided(chosen: Chosen, seed: int) -> tuple[Chosen, Chosen]:
    """What to train on and what to check with."""
    by_split = {
        split: [(example, number) for example, number in chosen if example.split == split]
        for split in ("train", "validation", "test")
    }
    own = by_split["validation"] or by_split["test"]
    if by_split["train"] and own:
        return by_split["train"], own
    count = min(max(round(len(chosen) * VALIDATION), 1), max(len(chosen) - 1, 0))
    held_out = stratified(np.array([number for _, number in chosen], np.int64), count, seed)
    return (
        [item for item, held in zip(chosen, held_out, strict=True) if not held],
        [item for item, held in zip(chosen, held_out, strict=True) if held],
    )
