"""Annotated images as the tensors that a detector learns from."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import sysconf

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.augment import LEAST_SIDE, Augmentation, Sample, mosaic
from training.data.annotations import AnnotatedImage
from training.errors import TrainingError
from training.letterbox import Letterbox
from training.parts import mix

MOST_CACHE_BYTES = 4 * 2**30

Key = tuple[int, int, int]
"""Epoch, place within the epoch, and number of the image: they decide how the image is varied."""

_Item = tuple[Tensor, dict[str, Tensor], str]


@dataclass(frozen=True, slots=True)
class DetectionBatch:
    """Images of equal size.

    Attributes:
        images: (n, 3, size, size) uint8, RGB.
        targets: "boxes" (k, 4) float32 in pixels, "labels" (k) int64, and for evaluation "iscrowd" (k) int64.
        files: where the images come from.
    """

    images: Tensor
    targets: list[dict[str, Tensor]]
    files: tuple[str, ...]


class LetterboxedImages:
    """Images scaled into squares, each decoded once where all of them fit into the memory."""

    def __init__(self, images: Sequence[AnnotatedImage], classes: Sequence[str], size: int) -> None:
        self.images, self.size = images, size
        self._numbers = {label: number for number, label in enumerate(classes)}
        self._boxes = [self._letterboxed_boxes(image) for image in images]
        self._cache = self._decoded() if len(images) * size * size * 3 <= _cache_bytes() else None

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, index: int) -> Sample:
        """One image with the boxes to learn from: neither difficult nor tiny ones."""
        boxes, labels, difficult = self._boxes[index]
        useful = ~difficult & ((boxes[:, 2:] - boxes[:, :2]) >= LEAST_SIDE).all(1)
        return Sample(self.pixels(index), boxes[useful], labels[useful])

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """One image, size x size x 3, RGB."""
        return self._cache[index] if self._cache is not None else self._letterboxed(self.images[index])

    def target(self, index: int) -> dict[str, Tensor]:
        """All boxes; difficult ones are marked as a crowd, which an evaluation neither asks for nor counts as wrong."""
        boxes, labels, difficult = (torch.from_numpy(values) for values in self._boxes[index])
        return {"boxes": boxes, "labels": labels, "iscrowd": difficult.long()}

    def _letterboxed_boxes(
        self, image: AnnotatedImage
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
        for box in image.boxes:
            if box.label not in self._numbers:
                raise TrainingError(
                    f"{image.file}: the label '{box.label}' is none of data.classes: {', '.join(self._numbers)}"
                )
        edges = np.array([box.edges for box in image.boxes], np.float64).reshape(-1, 4)
        inside = np.clip(edges, 0, (image.width, image.height) * 2)
        boxes = Letterbox.of(image.width, image.height, self.size).boxes(inside)
        kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
        labels = np.array([self._numbers[box.label] for box in image.boxes], np.int64)
        return boxes[kept], labels[kept], np.array([box.difficult for box in image.boxes], np.bool_)[kept]

    def _decoded(self) -> NDArray[np.uint8]:
        cache = np.empty((len(self.images), self.size, self.size, 3), np.uint8)

        def fill(index: int) -> None:
            cache[index] = self._letterboxed(self.images[index])

        with ThreadPoolExecutor(4) as threads:  # OpenCV releases the GIL
            list(threads.map(fill, range(len(self.images))))
        return cache

    def _letterboxed(self, image: AnnotatedImage) -> NDArray[np.uint8]:
        pixels = cv2.imread(str(image.file), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        if pixels is None:
            raise TrainingError(f"{image.file} is missing, or no image that OpenCV can read")
        height, width = pixels.shape[:2]
        if (width, height) != (image.width, image.height):
            raise TrainingError(
                f"{image.file} has {width} x {height} pixels, but its annotation says {image.width} x {image.height}"
            )
        return Letterbox.of(width, height, self.size).pixels(np.asarray(pixels, np.uint8))


class TrainingImages(Dataset[_Item]):
    """Varied images: the same ones for the same seed and key, in whichever process."""

    def __init__(self, images: LetterboxedImages, augmentation: Augmentation, seed: int) -> None:
        self._images, self._augmentation, self._seed = images, augmentation, seed

    def __getitem__(self, key: Key) -> _Item:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix(self._seed, *key))
            index = key[2]
            varied = self._augmentation(self._mosaic(index) if self._augmentation.wants_mosaic else self._one(index))
        target = {"boxes": torch.from_numpy(varied.boxes), "labels": torch.from_numpy(varied.labels)}
        return _tensor(varied.pixels), target, str(self._images.images[index].file)

    def _one(self, index: int) -> Sample:
        return self._images.sample(index)

    def _mosaic(self, index: int) -> Sample:
        others = torch.randint(len(self._images), (3,)).tolist()
        return mosaic((self._one(index), self._one(others[0]), self._one(others[1]), self._one(others[2])))


class HeldOutImages(Dataset[_Item]):
    """Images as a server would see them."""

    def __init__(self, images: LetterboxedImages) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> _Item:
        return _tensor(self._images.pixels(index)), self._images.target(index), str(self._images.images[index].file)


@dataclass(frozen=True, slots=True)
class Order:
    """Which images form a process's batches: a new permutation in each epoch, the same for the same seed.

    What does not fill a batch at an epoch's end is left out, other images each time. Fewer images than a batch are
    repeated, each time varied otherwise.

    Attributes:
        images: number of training images.
        batch: images of a step over all processes.
        seed: of the permutations.
        most_steps: of an epoch; 0: no limit.
        process, processes: which part of each batch is this process's.
    """

    images: int
    batch: int
    seed: int
    most_steps: int = 0
    process: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.batch % self.processes:
            raise TrainingError(f"loop.batch = {self.batch} cannot be shared equally by {self.processes} processes")

    @property
    def steps(self) -> int:
        """Of an epoch."""
        whole = max(1, self.images // self.batch)
        return min(whole, self.most_steps) if self.most_steps else whole

    def keys(self, epoch: int, start: int = 0) -> Iterator[list[Key]]:
        """One list of keys for each step from `start` on."""
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))
        order = torch.randperm(self.images, generator=generator).tolist()
        share = self.batch // self.processes
        for step in range(start, self.steps):
            first = step * self.batch + self.process * share
            yield [(epoch, place, order[place % self.images]) for place in range(first, first + share)]


class TrainingBatches:
    """The batches of any epoch, from any step on."""

    def __init__(self, images: TrainingImages, order: Order, workers: int) -> None:
        self.order = order
        self._epoch, self._start = 0, 0
        self._loader = DataLoader(
            images, batch_sampler=self, collate_fn=_collated, num_workers=workers, persistent_workers=workers > 0
        )

    def __iter__(self) -> Iterator[list[Key]]:
        return self.order.keys(self._epoch, self._start)

    def __len__(self) -> int:
        return self.order.steps - self._start

    def epoch(self, epoch: int, start: int = 0) -> Iterator[DetectionBatch]:
        """Batches of one epoch, the first `start` left out."""
        self._epoch, self._start = epoch, start
        yield from _plainly(self._loader)


def held_out_batches(images: LetterboxedImages, batch: int, process: int, processes: int) -> Iterator[DetectionBatch]:
    """One process's share of the held-out images, in order."""
    loader = DataLoader(
        HeldOutImages(images),
        batch_sampler=[list(range(first, min(first + batch, len(images)))) for first in range(0, len(images), batch)][
            process::processes
        ],
        collate_fn=_collated,
    )
    yield from _plainly(loader)


def _collated(items: list[_Item]) -> DetectionBatch:
    images, targets, files = zip(*items, strict=True)
    return DetectionBatch(torch.stack(images), list(targets), files)


def _plainly(loader: "DataLoader[_Item]") -> Iterator[DetectionBatch]:
    """What the loader gives; a mistake in a worker process comes without the worker's traceback."""
    try:
        yield from loader
    except TrainingError as error:
        raise TrainingError(str(error).rsplit("TrainingError: ", 1)[-1].strip()) from None


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _cache_bytes() -> int:
    return min(MOST_CACHE_BYTES, sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES") // 2)
