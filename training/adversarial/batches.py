"""Real images for two players: all of them in memory, on the device that computes, picked by number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from training import recipe
from training.adversarial.gan import Batch
from training.data.classified import ClassifiedImages
from training.detection_data import Order


@dataclass(frozen=True, slots=True)
class Step:
    """What one process computes in one step of the loop.

    Attributes:
        batches: one for each update of the critic; the generator's turn goes with the last.
    """

    batches: Sequence[Batch]

    @property
    def files(self) -> tuple[str, ...]:
        """Where the images come from."""
        return tuple(file for batch in self.batches for file in batch.files)


class ImageBatches:
    """The batches of any epoch, from any step on; the same ones for the same seed.

    Attributes:
        steps: of an epoch.
        images_per_step: over all processes.
    """

    def __init__(self, images: ClassifiedImages, loop: recipe.Loop, updates: int, accelerator: Accelerator) -> None:
        """Args:
            images: at least one.
            loop: with the images of one update, the seed and the most steps.
            updates: of the critic in one step; each gets images of its own.
            accelerator: knows the device, and which part of each batch is this process's.

        Raises:
            TrainingError: the processes cannot share a batch equally.
        """
        process, processes = accelerator.process_index, accelerator.num_processes
        self.images_per_step, self._updates = loop.batch * updates, updates
        self._order = Order(len(images), self.images_per_step, loop.seed, loop.steps, process, processes)
        self.steps = self._order.steps
        self._names = images.names
        self._pixels = torch.from_numpy(images.pixels).to(accelerator.device)
        self._labels = torch.from_numpy(images.labels).to(accelerator.device)

    def epoch(self, epoch: int, start: int) -> Iterator[Step]:
        """For each step of an epoch the batches of the critic's updates; the first `start` steps are left out."""
        for keys in self._order.keys(epoch, start):
            size = len(keys) // self._updates
            yield Step(
                [self._batch([key[2] for key in keys[first : first + size]]) for first in range(0, len(keys), size)]
            )

    def _batch(self, numbers: list[int]) -> Batch:
        chosen = torch.tensor(numbers).to(self._pixels.device)
        images = as_images(self._pixels.index_select(0, chosen))
        return Batch(images, self._labels.index_select(0, chosen), tuple(self._names[number] for number in numbers))


def as_images(pixels: Tensor) -> Tensor:
    """uint8 (n, height, width, channels) as float32 (n, channels, height, width) in -1..1, stored channels last."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
