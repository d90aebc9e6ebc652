"""Batches for translators: all images in memory on the device that computes, mirrored and zoomed there.

A zoom of 1.117 is pix2pix' random jitter (Isola et al. 2017, section 3.3 and appendix 6.2: 286 pixels of which 256 are
cut out): a part of the image, as much smaller and anywhere in it, is enlarged to the full size. Both images of a pair
are varied alike. What is drawn follows from the seed, the epoch and the step, so that a resumed run sees the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from training.adversarial.batches import as_images
from training.data.classified import ClassifiedImages
from training.data.translated import PairedImages
from training.detection_data import Order
from training.errors import TrainingError
from training.parts import mix
from training.recipe import Augment, Recipe


@dataclass(frozen=True, slots=True)
class PairBatch:
    """What pix2pix learns from in one update.

    Attributes:
        inputs, targets: float32 (n, 3, height, width) in -1..1, on the device, each target that of its input.
        files: where the pairs come from.
    """

    inputs: Tensor
    targets: Tensor
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainBatch:
    """What a translator between two domains learns from in one update; nothing belongs together.

    Attributes:
        first, second: of each domain, float32 (n, 3, height, width) in -1..1, on the device.
        files: where the images come from.
    """

    first: Tensor
    second: Tensor
    files: tuple[str, ...]


B = TypeVar("B", PairBatch, DomainBatch)


@dataclass(frozen=True, slots=True)
class Step(Generic[B]):
    """What one process computes in one step of the loop: a batch for each update of the critics."""

    batches: Sequence[B]

    @property
    def files(self) -> tuple[str, ...]:
        """Where the images come from."""
        return tuple(file for batch in self.batches for file in batch.files)


class _Batches(ABC, Generic[B]):
    """The batches of any epoch, from any step on; the same ones for the same seed.

    Attributes:
        steps: of an epoch.
        images_per_step: over all processes; pairs, or images of each domain.
    """

    def __init__(self, images: int, recipe: Recipe, accelerator: Accelerator) -> None:
        loop, updates = recipe.loop, recipe.adversarial.critic_steps if recipe.adversarial else 1
        self.images_per_step, self._updates = loop.batch * updates, updates
        self._process = accelerator.process_index
        processes = accelerator.num_processes
        self._order = Order(images, self.images_per_step, loop.seed, loop.steps, self._process, processes)
        self.steps = self._order.steps
        self._device, self._augment = accelerator.device, recipe.augment
        _check(recipe.augment)

    def epoch(self, epoch: int, start: int) -> Iterator[Step[B]]:
        """For each step of an epoch the batches of the critics' updates; the first `start` steps are left out."""
        for step, keys in enumerate(self._order.keys(epoch, start), start):
            draws = Generator().manual_seed(mix(self._order.seed, epoch, step, self._process))
            size = len(keys) // self._updates
            numbers = [[key[2] for key in keys[first : first + size]] for first in range(0, len(keys), size)]
            yield Step([self._batch(some, draws) for some in numbers])

    @abstractmethod
    def _batch(self, numbers: list[int], draws: Generator) -> B:
        """The images of these numbers, varied by these draws."""

    def _loaded(self, pixels: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(pixels).to(self._device)

    def _picked(self, pixels: Tensor, numbers: list[int]) -> Tensor:
        """float32 (n, 3, height, width) in -1..1."""
        return as_images(pixels.index_select(0, torch.tensor(numbers).to(self._device)))


class PairBatches(_Batches[PairBatch]):
    """Batches of pairs."""

    def __init__(self, pairs: PairedImages, recipe: Recipe, accelerator: Accelerator) -> None:
        """Args:
        pairs: at least one.
        recipe: with the pairs of one update, the seed, the most steps, mirroring and zoom.
        accelerator: knows the device, and which part of each batch is this process's.

        Raises:
            TrainingError: the processes cannot share a batch equally, or the images would be made smaller.
        """
        super().__init__(len(pairs), recipe, accelerator)
        self._names = pairs.names
        self._inputs, self._targets = self._loaded(pairs.inputs), self._loaded(pairs.targets)

    def _batch(self, numbers: list[int], draws: Generator) -> PairBatch:
        inputs, targets = self._picked(self._inputs, numbers), self._picked(self._targets, numbers)
        together = varied(torch.cat((inputs, targets), dim=1), self._augment, draws)
        inputs, targets = together.chunk(2, dim=1)
        return PairBatch(inputs, targets, tuple(self._names[number] for number in numbers))


class DomainBatches(_Batches[DomainBatch]):
    """Batches of two domains: an epoch goes once through the larger one, and draws from the smaller one at random."""

    def __init__(
        self, domains: tuple[ClassifiedImages, ClassifiedImages], recipe: Recipe, accelerator: Accelerator
    ) -> None:
        """Args:
        domains: at least one image of each.
        recipe, accelerator: as `PairBatches` takes them.

        Raises:
            TrainingError: as of `PairBatches`.
        """
        super().__init__(max(map(len, domains)), recipe, accelerator)
        self._larger = 0 if len(domains[0]) >= len(domains[1]) else 1
        self._names = [images.names for images in domains]
        self._pixels = [self._loaded(images.pixels) for images in domains]

    def _batch(self, numbers: list[int], draws: Generator) -> DomainBatch:
        sides, files = [], []
        for place, (pixels, names) in enumerate(zip(self._pixels, self._names, strict=True)):
            drawn = torch.randint(len(pixels), (len(numbers),), generator=draws).tolist()
            chosen = numbers if place == self._larger else drawn  # other partners in each epoch
            sides.append(varied(self._picked(pixels, chosen), self._augment, draws))
            files += [names[number] for number in chosen]
        return DomainBatch(sides[0], sides[1], tuple(files))


def varied(images: Tensor, augment: Augment, draws: Generator) -> Tensor:
    """Every image mirrored and zoomed in its own way.

    Args:
        images: float (n, channels, height, width).
        augment: `flip`, and `zoom` with factors from 1 on: a part of an image is enlarged to its size, bicubically.
        draws: on the CPU.

    Returns:
        Images of the same shape, in the range of the given ones.
    """
    if augment.zoom == (1.0, 1.0) and not augment.flip:
        return images
    least, most = augment.zoom
    varied = []
    for image, (mirror, zoom, down, right) in zip(images, torch.rand(len(images), 4, generator=draws), strict=True):
        part = _part(image, least + float(zoom) * (most - least), float(down), float(right))
        varied.append(part.flip(-1) if mirror < augment.flip else part)
    return torch.stack(varied).contiguous(memory_format=torch.channels_last)


def _part(image: Tensor, zoom: float, down: float, right: float) -> Tensor:
    """A window of an image (channels, height, width), enlarged to its size; `down` and `right` say where, 0..1."""
    height, width = image.shape[1:]
    inner_height, inner_width = round(height / zoom), round(width / zoom)
    if (inner_height, inner_width) == (height, width):
        return image
    top, left = int(down * (height - inner_height + 1)), int(right * (width - inner_width + 1))
    window = image[None, :, top : top + inner_height, left : left + inner_width]
    enlarged = functional.interpolate(window, (height, width), mode="bicubic")[0]
    return enlarged.clamp(-1, 1)  # bicubic curves overshoot


def _check(augment: Augment) -> None:
    """What is smaller than the image would leave a border."""
    least, most = augment.zoom
    if not 1 <= least <= most:
        raise TrainingError(
            f"augment.zoom = [{least}, {most}]: a translator's images are enlarged and never made smaller: "
            "two factors from 1 on, the smaller one first"
        )
