"""Which images a run trains on, and which it is checked with."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from training.data.annotations import AnnotatedImage
from training.data.coco import is_coco, read_coco
from training.data.faults import AnnotatedSet
from training.data.rendered import rendered_set
from training.data.splits import split_images
from training.data.voc import is_voc, read_voc
from training.data.yolo import is_yolo, read_yolo
from training.errors import TrainingError
from training.recipe import Data
from training.run import Run

CACHE = Path("build/data")
"""Where rendered images stay from run to run."""

_FORMATS: tuple[tuple[Callable[[Path], bool], Callable[..., AnnotatedSet]], ...] = (
    (is_voc, read_voc),
    (is_yolo, read_yolo),
    (is_coco, read_coco),
)
_FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Images:
    """Two sets that share no image."""

    train: Sequence[AnnotatedImage]
    validation: Sequence[AnnotatedImage]

    def counts(self) -> dict[str, dict[str, int]]:
        """Images and boxes of each class, for both sets."""
        return {
            name: {"images": len(images), **Counter(box.label for image in images for box in image.boxes)}
            for name, images in (("train", self.train), ("validation", self.validation))
        }


def images_of(run: Run) -> Images:
    """The recipe's own images, rendered when they are not there yet, or those of the folder that `--data` names.

    Raises:
        TrainingError: there is no such folder, it holds no data set, or it is too small to be split.
    """
    data = run.recipe.data
    if run.data is not None:
        return _of_folder(run.data, data)
    if data.source == "folder":
        raise TrainingError(f"the recipe {run.recipe.name} has no data of its own: name a folder with --data")
    return Images(rendered_set(data, "train", CACHE), rendered_set(data, "validation", CACHE))


def _of_folder(folder: Path, data: Data) -> Images:
    """The folder's own splits where it has both, else a fifth held out by the recipe's seed."""
    if not folder.is_dir():
        raise TrainingError(f"--data {folder}: there is no such folder")
    found = _read(folder, data.classes)
    _show_faults(found)
    train, validation = found.of("train"), found.of("validation")
    if train and validation:
        return Images(train, validation)
    try:
        split = split_images(found.images, seed=data.seed)
    except TrainingError as error:
        raise TrainingError(f"--data {folder}: {error}") from None
    return Images(split.train, split.validation)


def _read(folder: Path, classes: Sequence[str]) -> AnnotatedSet:
    for fits, read in _FORMATS:
        if fits(folder):
            return read(folder, classes=classes)
    raise TrainingError(f"--data {folder}: is no data set in the layout of Pascal VOC, YOLO or COCO")


def _show_faults(found: AnnotatedSet) -> None:
    """What was skipped is said: `python -m training report` says all of it."""
    for fault in found.faults[:_FAULTS_SHOWN]:
        typer.echo(f"note: {fault}", err=True)
    if len(found.faults) > _FAULTS_SHOWN:
        typer.echo(f"note: and {len(found.faults) - _FAULTS_SHOWN} faults more", err=True)
