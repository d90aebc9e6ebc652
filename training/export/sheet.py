"""The sheet of samples that a model card shows: small enough to be committed with every model."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.samples import tiled

SAMPLES_FILE = "samples.png"
COLUMNS = 16
LARGEST_CELL = 64
SMALLEST_CELL = 16
MOST_BYTES = 150_000


def samples_png(
    pixels: NDArray[np.uint8], columns: int = COLUMNS, largest_cell: int = LARGEST_CELL, most_bytes: int = MOST_BYTES
) -> bytes:
    """A PNG of all images in rows, scaled down as far as the file's size asks.

    Args:
        pixels: square, uint8 (n, side, side, channels), RGB or one channel of grey.
        columns: images of a row.
        largest_cell: side at which an image is shown at most, in pixels.
        most_bytes: of the file; cells of `SMALLEST_CELL` pixels are not made smaller even for that.
    """
    cell = min(largest_cell, pixels.shape[1])
    while True:
        png = _encoded(pixels, cell, columns)
        if len(png) <= most_bytes or cell <= SMALLEST_CELL:
            return png
        cell -= 4


def _encoded(pixels: NDArray[np.uint8], side: int, columns: int) -> bytes:
    count, channels = len(pixels), pixels.shape[3]
    resized = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in pixels]
    page = tiled(np.asarray(resized, np.uint8).reshape(count, side, side, channels), columns)
    _, png = cv2.imencode(".png", page[:, :, ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))
    return png.tobytes()
