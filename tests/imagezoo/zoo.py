"""What a test needs to know of an image file: its bytes, and the pixels or the refusal that must come of them.

`accepted` and `refused` hold the files, `bombs` those that cost a careless server its memory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 45, 29  # odd and unequal, so that no block, chroma sample or axis fits by chance


@dataclass(frozen=True)
class ZooImage:
    """A file and what becomes of it: `pixels` (uint8, height x width x 3, RGB), or a `refusal` (regular expression)."""

    name: str
    data: bytes
    pixels: NDArray[np.uint8] | None = None
    refusal: str = ""

    def __str__(self) -> str:
        return self.name


def picture(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A smooth RGB picture with no symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.rint(np.dstack((255 * x, 255 * y * y, 255 * (1 - x) * np.abs(1 - 2 * y)))).astype(np.uint8)
