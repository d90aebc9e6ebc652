"""Two domains that a renderer makes, image by image of different scenes, so that there are no pairs to learn from."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages
from training.data.domain_folder import check_domains
from training.data.kept import keep, kept
from training.data.processes import in_processes
from training.data.rendered import split_seeds
from training.data.rendered_classes import CHUNK, RENDERERS, rendered_splits
from training.data.translated import UnpairedSplits
from training.recipe import Data

Masks = NDArray[np.bool_]

WITH_SILHOUETTES = "animals"
"""The source whose renderer knows where in a picture the thing to be translated stands."""
SILHOUETTE = "silhouette"
"""The function of that renderer's module."""


def rendered_domains(data: Data, cache: Path) -> UnpairedSplits:
    """Images of both classes of a recipe as two domains; what is not in `cache` is rendered first.

    Args:
        data: as for `rendered_splits`, with two classes; its numbers count the images of both domains together.
        cache: the folder that keeps all rendered sets.

    Raises:
        TrainingError: as `rendered_splits`, or there are not two classes.
    """
    check_domains(data)
    splits = rendered_splits(data, cache)
    first, second = (_domain(splits.train, number) for number in range(2))
    first_held, second_held = (_domain(splits.validation, number) for number in range(2))
    masks = _masks(data, cache) if data.source == WITH_SILHOUETTES else None
    return UnpairedSplits((first, second), (first_held, second_held), masks)


def _domain(images: ClassifiedImages, number: int) -> ClassifiedImages:
    return images.take(np.flatnonzero(images.labels == number))


def _masks(data: Data, cache: Path) -> tuple[Masks, Masks]:
    """The silhouettes of both domains' held-out animals, in their order."""
    seeds = split_seeds(data, "validation")
    parts = (RENDERERS[data.source].version, data.classes, seeds.start, data.width, data.height)
    file = cache / f"{data.source}-masks-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}.npz"
    found = kept(file, ("masks",))
    masks = np.empty((0, data.height, data.width), np.bool_) if found is None else found["masks"]
    if len(masks) < len(seeds):
        items = list(enumerate(seeds))[len(masks) :]
        more = list(in_processes(partial(draw_silhouette, data), items, "rendering silhouettes", CHUNK))
        masks = np.concatenate((masks, np.stack(more)))
        keep(file, {"masks": masks})
    return masks[: len(seeds) : 2], masks[1 : len(seeds) : 2]


def draw_silhouette(data: Data, item: tuple[int, int]) -> Masks:
    """Where the animal of `training.data.rendered_classes.draw` stands: bool (height, width), for number and seed."""
    number, seed = item
    silhouette = RENDERERS[data.source].load(SILHOUETTE)
    return np.asarray(silhouette(seed, data.width, data.height, data.classes[number % 2]), np.bool_)
