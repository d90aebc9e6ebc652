"""Which images a run trains on, and which it is checked with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.annotations import AnnotatedImage
from training.data.folder import folder_splits
from training.data.rendered import rendered_set
from training.errors import TrainingError
from training.recipe import Data
from training.run import Run

CACHE = Path("build/data")
"""Where rendered images stay from run to run."""


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
        TrainingError: there is no such folder, it holds no data set, it is too small to be split, or
            a class has no example.
    """
    data = run.recipe.data
    if run.data is not None:
        images = _of_folder(run.data, data)
    elif data.source == "folder":
        raise TrainingError(f"the recipe {run.recipe.name} has no data of its own: name a folder with --data")
    else:
        images = Images(rendered_set(data, "train", CACHE), rendered_set(data, "validation", CACHE))
    _check_classes(images.train, data.classes)
    return images


def _of_folder(folder: Path, data: Data) -> Images:
    if not folder.is_dir():
        raise TrainingError(f"--data {folder}: there is no such folder")
    split = folder_splits(folder, data.classes, data.seed)
    return Images(split.train, split.validation)


def _check_classes(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> None:
    """Every class needs a box to learn it from; difficult ones are not learnt from."""
    seen = {box.label for image in images for box in image.boxes if not box.difficult}
    for label in classes:
        if label not in seen:
            raise TrainingError(
                f"none of the {len(images)} training images has a box of the class '{label}': "
                "add examples, or take it out of data.classes"
            )
