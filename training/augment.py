"""Varies training images: mirror, zoom and shift, colours, and four images in one.

Everything random is drawn from torch's generator, so that a seed decides all of it. The geometry is one warp by OpenCV
(0.4 ms for 320 pixels, where torchvision's affine takes 6); colours are torchvision's ColorJitter.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from training.letterbox import GREY
from training.recipe import Augment

LEAST_VISIBLE = 0.25
"""Share of a box that must stay in the image; what is left of a face that is cut off further is no example of one."""

LEAST_SIDE = 2.0
"""Pixels; smaller boxes are left out."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image with its boxes.

    Attributes:
        pixels: height x width x 3, uint8, RGB.
        boxes: n x 4, float32, edges in pixels.
        labels: n, int64.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


class Augmentation:
    """Varies samples as a recipe's table `augment` says; the result is square."""

    def __init__(self, settings: Augment, size: int) -> None:
        self.settings, self.size = settings, size
        self._colours = v2.ColorJitter(settings.brightness, settings.contrast, settings.saturation, settings.hue)

    @property
    def wants_mosaic(self) -> bool:
        """Draw whether the next image is put together from four."""
        return _drawn() < self.settings.mosaic

    def __call__(self, sample: Sample) -> Sample:
        """Zoom, shift, perhaps mirror, and recolour one sample."""
        varied = self._zoomed(sample)
        if _drawn() < self.settings.flip:
            varied = mirrored(varied)
        pixels = torch.from_numpy(np.ascontiguousarray(varied.pixels)).permute(2, 0, 1)
        coloured = self._colours(pixels).permute(1, 2, 0).contiguous().numpy()
        return Sample(coloured, varied.boxes, varied.labels)

    def _zoomed(self, sample: Sample) -> Sample:
        """A square window around the image's centre, shifted; a mosaic is first made as large as one image."""
        least, greatest = self.settings.zoom
        fitted = self.size / max(sample.pixels.shape[:2])
        scale = fitted * (least + (greatest - least) * _drawn())
        reach = self.settings.shift * self.size
        shift = (reach * (2 * _drawn() - 1), reach * (2 * _drawn() - 1))
        return window(sample, self.size, scale, shift)


def window(sample: Sample, size: int, scale: float, shift: tuple[float, float]) -> Sample:
    """The image scaled about its centre, seen through a square.

    Args:
        sample: of any size.
        size: side of the square, pixels.
        scale: factor of lengths.
        shift: x and y by which the image's centre leaves the square's, pixels.

    Returns:
        Boxes are cut at the square's edges; those of which too little is left are dropped.
    """
    height, width = sample.pixels.shape[:2]
    left, top = size / 2 + shift[0] - scale * width / 2, size / 2 + shift[1] - scale * height / 2
    # OpenCV's positions are pixel centres, ours are edges: half a pixel before and after scaling
    half = (scale - 1) / 2
    matrix = np.array(((scale, 0, left + half), (0, scale, top + half)))
    pixels = cv2.warpAffine(sample.pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(GREY,) * 3)
    moved = sample.boxes * np.float32(scale) + np.array((left, top, left, top), np.float32)
    kept, visible = cut(moved, size, size)
    return Sample(np.asarray(pixels, np.uint8), kept[visible], sample.labels[visible])


def cut(boxes: NDArray[np.float32], width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Boxes (n x 4) cut at the image's edges, and which of them (n) still show enough of their object."""
    inside = np.clip(boxes, 0, np.array((width, height, width, height), np.float32))
    sides, before = inside[:, 2:] - inside[:, :2], boxes[:, 2:] - boxes[:, :2]
    visible = (sides.min(1, initial=np.inf) >= LEAST_SIDE) & (sides.prod(1) >= LEAST_VISIBLE * before.prod(1))
    return inside, visible


def mirrored(sample: Sample) -> Sample:
    """Left and right exchanged."""
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = sample.pixels.shape[1] - sample.boxes[:, [2, 0]]
    return Sample(np.ascontiguousarray(sample.pixels[:, ::-1]), boxes, sample.labels)


def mosaic(samples: tuple[Sample, Sample, Sample, Sample]) -> Sample:
    """Four images of equal size as one, two beside two (Bochkovskiy et al. 2020, YOLOv4, section 3.3)."""
    height, width = samples[0].pixels.shape[:2]
    rows = [np.concatenate([samples[i].pixels, samples[i + 1].pixels], 1) for i in (0, 2)]
    offsets = ((0, 0), (width, 0), (0, height), (width, height))
    boxes = [s.boxes + np.array(offset * 2, np.float32) for s, offset in zip(samples, offsets, strict=True)]
    return Sample(np.concatenate(rows), np.concatenate(boxes), np.concatenate([s.labels for s in samples]))


def _drawn() -> float:
    """0..1, from torch's generator."""
    return float(torch.rand(()))
