"""Which images with classes a run trains on, and which it is checked with."""

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.data.classified_folder import classified_splits
from training.data.digits import digit_splits
from training.data.rendered_classes import RENDERERS, rendered_splits
from training.datasets import CACHE
from training.errors import TrainingError
from training.run import Run


def classified_images_of(run: Run) -> ClassifiedSplits:
    """The recipe's own images, rendered when they are not there yet, or all those of its classes that `--data` holds.

    Returns:
        Images of `data.width` x `data.height` x `data.channels`, labels numbered as `data.classes`.

    Raises:
        TrainingError: there is no such source, folder or class, a file cannot be read, or a class has no example.
    """
    data = run.recipe.data
    if run.data is not None:
        splits = classified_splits(run.data, data)
    elif data.source == "digits":
        splits = digit_splits(data)
    elif data.source in RENDERERS:
        splits = rendered_splits(data, CACHE)
    else:
        raise TrainingError(
            f"data.source = '{data.source}': there are digits, {', '.join(RENDERERS)}; or name a folder with --data"
        )
    _check_classes(splits.train)
    return splits


def _check_classes(images: ClassifiedImages) -> None:
    """Every class needs an image to learn it from."""
    for label, count in images.counts().items():
        if count == 0:
            raise TrainingError(
                f"none of the {len(images)} training images is of the class '{label}': "
                "add examples, or take it out of data.classes"
            )
