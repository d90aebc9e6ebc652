"""The square that a network sees an image in, exactly as the serving side makes it.

The image keeps its proportions and lies in the middle, its sides rounded to whole pixels; the rest is grey 114, and
scaling is bilinear. A test compares this with `services.runtime.geometry`, which training must not import.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114
"""What stands where no image is."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image of `old_width` x `old_height` pixels lies in a square of `size` pixels; all fields are pixels."""

    size: int
    old_width: int
    old_height: int
    width: int
    height: int
    left: int
    top: int

    @classmethod
    def of(cls, old_width: int, old_height: int, size: int) -> Self:
        """Where an image of that size lies."""
        scale = min(size / old_width, size / old_height)
        width, height = max(1, round(old_width * scale)), max(1, round(old_height * scale))
        return cls(size, old_width, old_height, width, height, (size - width) // 2, (size - height) // 2)

    def pixels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Height x width x 3 uint8 into the square, size x size x 3."""
        boxed = np.full((self.size, self.size, 3), GREY, np.uint8)
        same = (self.width, self.height) == (self.old_width, self.old_height)
        inner = image if same else cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        boxed[self.top : self.top + self.height, self.left : self.left + self.width] = inner
        return boxed

    def boxes(self, edges: NDArray[np.floating]) -> NDArray[np.float32]:
        """Boxes (n x 4) of the image, in pixels of the square."""
        scale = np.array((self.width / self.old_width, self.height / self.old_height) * 2)
        offset = np.array((self.left, self.top) * 2)
        return np.asarray(edges * scale + offset, np.float32)
