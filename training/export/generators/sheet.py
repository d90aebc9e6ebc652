"""The sheet of samples that a model card shows: small enough to be committed with every model."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.sheet import sheet

COLUMNS = 16
LARGEST_CELL = 64
SMALLEST_CELL = 16
MOST_BYTES = 150_000


def samples_png(pixels: NDArray[np.uint8], most_bytes: int = MOST_BYTES) -> bytes:
    """A PNG of all images in rows, scaled down as far as the file's size asks.

    Args:
        pixels: uint8 (n, height, width, channels), RGB or one channel of grey.
        most_bytes: of the file; cells of `SMALLEST_CELL` pixels are not made smaller even for that.
    """
    images = list(pixels.repeat(3, axis=3) if pixels.shape[3] == 1 else pixels)
    cell = min(LARGEST_CELL, pixels.shape[1])
    while True:
        png = _encoded(images, cell)
        if len(png) <= most_bytes or cell <= SMALLEST_CELL:
            return png
        cell -= 4


def _encoded(images: Sequence[NDArray[np.uint8]], side: int) -> bytes:
    cells = [
        image if len(image) == side else np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
        for image in images
    ]
    page = sheet([cell.astype(np.uint8) for cell in cells], COLUMNS)
    _, png = cv2.imencode(".png", page[:, :, ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))
    return png.tobytes()
