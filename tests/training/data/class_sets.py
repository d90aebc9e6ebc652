"""Tiny sets of images with classes, written as they are published."""

import gzip
import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.recipe import Data

DIGITS = tuple("0123456789")
Grey = NDArray[np.uint8]


def data(*classes: str, width: int = 12, height: int = 10, channels: int = 3, seed: int = 1) -> Data:
    """What a recipe wants of a set from outside."""
    table = {"source": "folder", "classes": classes, "train": 1, "validation": 1}
    return Data.model_validate(table | {"width": width, "height": height, "channels": channels, "seed": seed})


def picture(file: Path, colour: tuple[int, int, int] = (200, 40, 30), width: int = 20, height: int = 30) -> Path:
    """A picture of one RGB colour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), colour[::-1], np.uint8)
    assert cv2.imwrite(str(file), pixels)
    return file


def digits(count: int, seed: int = 0) -> Grey:
    """Random greys, uint8 (count, 28, 28)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def table(pixels: Grey, labels: list[int] | None, *, header: bool = True, end: str = "\n") -> str:
    """Kaggle's form; without labels that of test.csv."""
    names = [*(["label"] if labels is not None else []), *(f"pixel{number}" for number in range(784))]
    rows = [
        [*([labels[i]] if labels is not None else []), *image.reshape(-1).tolist()] for i, image in enumerate(pixels)
    ]
    return end.join([",".join(names)] * header + [",".join(map(str, row)) for row in rows]) + end


def idx(values: NDArray[np.uint8], *, packed: bool = False) -> bytes:
    """The bytes of an IDX file."""
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    whole = head + values.tobytes()
    return gzip.compress(whole) if packed else whole
