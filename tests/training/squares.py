"""Tiny data sets: coloured squares on grey, one colour for each class of the mask recipes."""

from pathlib import Path

import cv2
import numpy as np

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.faults import Split
from training.data.voc import write_voc

COLOURS = {"without_mask": (250, 30, 30), "with_mask": (30, 250, 30), "mask_weared_incorrect": (30, 30, 250)}
"""RGB."""


def draw_squares(
    folder: Path, count: int, *, width: int = 96, height: int = 64, labels: tuple[str, ...] = tuple(COLOURS)
) -> list[AnnotatedImage]:
    """Images with one square of each label, written as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_drawn(folder / f"{number:03}.png", number, (width, height), labels) for number in range(count)]


def squares_folder(folder: Path, train: int, validation: int, labels: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """A Pascal VOC folder with the two splits."""
    images = draw_squares(folder / "drawn", train + validation, labels=labels)
    names: tuple[Split, Split] = ("train", "validation")
    splits = {image.file: names[place >= train] for place, image in enumerate(images)}
    write_voc(folder / "voc", images, splits=splits)
    return folder / "voc"


def _drawn(file: Path, seed: int, size: tuple[int, int], labels: tuple[str, ...]) -> AnnotatedImage:
    draw = np.random.default_rng(seed)
    width, height = size
    pixels = draw.integers(100, 130, (height, width, 3), dtype=np.uint8)
    boxes = []
    for place, label in enumerate(labels):
        side = int(draw.integers(height // 4, height // 3))
        x = int(place * width / len(labels) + draw.integers(0, width // len(labels) - side + 1))
        y = int(draw.integers(0, height - side))
        pixels[y : y + side, x : x + side] = COLOURS[label]
        boxes.append(LabelledBox(label, (x, y, x + side, y + side)))
    cv2.imwrite(str(file), pixels[..., ::-1])
    return AnnotatedImage(file, width, height, tuple(boxes))
