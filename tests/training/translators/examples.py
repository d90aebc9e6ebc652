"""Recipes of translators at a tiny size, and images that tell where they come from."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.classified import ClassifiedImages
from training.data.sheet import save_png
from training.data.translated import PairedImages
from training.recipe import Recipe, load_recipe
from training.translators.batches import DomainBatch, PairBatch

SIZE = 32
NAMES = ("pix2pix-maps", "pix2pix-maps-literal", "cyclegan-cow2horse", "cut-cow2horse", "discogan-cow2horse")


def tiny(name: str, **changes: Any) -> Recipe:
    """A recipe at its smallest size, unjudged; `model__options__l1="0"` replaces a field."""
    fields = {field.replace("__", "."): str(value) for field, value in changes.items()}
    return load_recipe(name, smoke=True, changes=fields).model_copy(update={"judge": None})


def pairs(count: int, side: int = SIZE) -> PairedImages:
    """Noise; each target is its input's negative."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    return PairedImages(pixels, 255 - pixels, [f"pair {number}" for number in range(count)])


def domain(count: int, number: int, side: int = SIZE) -> ClassifiedImages:
    """One of two domains; every image has one colour, its own number and in blue that of its domain."""
    pixels = np.zeros((count, side, side, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = np.arange(count)[:, None, None], 255 * number
    labels = np.full(count, number, np.int64)
    return ClassifiedImages(pixels, labels, ("cow", "horse"), [f"{number}:{place}" for place in range(count)])


def batch_of(recipe: Recipe, count: int = 2) -> PairBatch | DomainBatch:
    """Noise of the recipe's size, of the kind that its model takes."""
    size, drawn = recipe.model.size, torch.Generator().manual_seed(3)

    def images() -> Tensor:
        return torch.rand(count, 3, size, size, generator=drawn) * 2 - 1

    names = tuple(map(str, range(count)))
    if recipe.model.name == "pix2pix":
        return PairBatch(images(), images(), names)
    return DomainBatch(images(), images(), names)


def folder_of_pairs(folder: Path) -> Path:
    """Pairs side by side, as the public sets have them: 4 to learn from, 2 to check with."""
    for split, count in (("train", 4), ("val", 2)):
        some = pairs(count)
        for number in range(count):
            beside = np.concatenate((some.inputs[number], some.targets[number]), axis=1)
            _write(folder / split / f"{number}.png", beside)
    return folder


def folder_of_domains(folder: Path) -> Path:
    """Two domains, as the public sets have them: 4 and 3 images to learn from, 2 each to check with."""
    for name, number, count in (("trainA", 0, 4), ("trainB", 1, 3), ("testA", 0, 2), ("testB", 1, 2)):
        for place, pixels in enumerate(domain(count, number).pixels):
            _write(folder / name / f"{place}.png", pixels)
    return folder


def _write(file: Path, pixels: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_png(file, pixels)
