"""What a feed-forward styliser learns from: images as contents and as styles, and pairs of both to check it with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.detection_data import Order
from training.errors import TrainingError
from training.parts import mix
from training.recipe import Recipe

CHECKED = 48
"""Most pairs that a styliser is checked with."""


@dataclass(frozen=True, slots=True)
class StyleBatch:
    """Contents and styles of one step, as many of each: float32 (n, 3, height, width) in -1..1."""

    contents: Tensor
    styles: Tensor
    files: tuple[str, ...]


class StyleImages:
    """The images of a run by what they are used for."""

    def __init__(self, recipe: Recipe, splits: ClassifiedSplits, device: torch.device) -> None:
        """Take the classes that `model.options` names as `contents` and `styles`; all, where it names none.

        Raises:
            TrainingError: an option names a class that the recipe's data has not, or one without images.
        """
        self._device = device
        self.contents, self.styles = (_of(recipe, splits.train, option) for option in ("contents", "styles"))
        self._held_out = [_of(recipe, splits.validation, option) for option in ("contents", "styles")]

    def batches(self, contents: Order, epoch: int, start: int) -> Iterator[StyleBatch]:
        """Training images: every content once in an epoch, each time with a style by chance."""
        for place, keys in enumerate(contents.keys(epoch, start), start):
            numbers = [number for _, _, number in keys]
            chance = torch.Generator().manual_seed(mix(contents.seed, epoch, place, contents.process, 1))
            others = torch.randint(len(self.styles), (len(numbers),), generator=chance).tolist()
            names = [self.contents.names[number] for number in numbers]
            names += [self.styles.names[number] for number in others]
            yield StyleBatch(self._tensor(self.contents, numbers), self._tensor(self.styles, others), tuple(names))

    def checked(self) -> StyleBatch:
        """Held-out pairs, the same ones each time, evenly from all contents and styles."""
        count = min(CHECKED, max(len(images) for images in self._held_out))
        chosen = [np.linspace(0, len(images) - 1, count).round().astype(int) for images in self._held_out]
        chosen[1] = np.random.default_rng(1).permutation(chosen[1])
        contents, styles = (
            self._tensor(images, numbers.tolist()) for images, numbers in zip(self._held_out, chosen, strict=True)
        )
        return StyleBatch(contents, styles, ())

    def _tensor(self, images: ClassifiedImages, numbers: list[int]) -> Tensor:
        pixels = torch.from_numpy(images.pixels[numbers]).to(self._device)
        return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def _of(recipe: Recipe, images: ClassifiedImages, option: str) -> ClassifiedImages:
    """The images of the classes that an option names."""
    named = recipe.model.options.get(option, list(images.classes))
    if not isinstance(named, list) or not named or not set(named) <= set(images.classes):
        raise TrainingError(f"model.options.{option} = {named!r}: must be some of {', '.join(images.classes)}")
    numbers = [images.classes.index(label) for label in named]
    found = images.take(np.flatnonzero(np.isin(images.labels, numbers)))
    if not len(found):
        raise TrainingError(f"model.options.{option} = {named}: there is no image of these classes")
    return found
