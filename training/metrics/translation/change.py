"""How much of a picture a translator changes, and where: the thing it should translate, or the country around it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

RIM = 1 / 32
"""Width of the rim around a silhouette that counts for neither side, as a share of the longer side."""


@dataclass(frozen=True, slots=True)
class Change:
    """Mean distance of values before and after, as a share of their range, 0..1.

    Attributes:
        inside: where the silhouettes are.
        outside: beyond them and a rim around them, which is half animal where edges are soft.
    """

    inside: float
    outside: float

    @property
    def ratio(self) -> float:
        """What changes outside as a share of what changes inside; 0 where nothing changes at all."""
        return self.outside / self.inside if self.inside else float(self.outside > 0)


def change_by_mask(before: Pixels, after: Pixels, masks: NDArray[np.bool_]) -> Change:
    """The change of all images together.

    Args:
        before: uint8 (n, height, width, 3).
        after: of the same shape.
        masks: bool (n, height, width), where the thing is that should be translated.
    """
    reach = max(1, round(RIM * max(masks.shape[1:])))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    sums, counts = np.zeros(2), np.zeros(2)
    for first, second, mask in zip(before, after, masks, strict=True):
        distance = np.abs(first.astype(np.int16) - second).mean(axis=2)
        beyond = cv2.dilate(mask.astype(np.uint8), disc) == 0
        for side, where in enumerate((mask, beyond)):
            sums[side] += float(distance[where].sum())
            counts[side] += int(where.sum())
    inside, outside = (sums / np.maximum(counts, 1) / 255).tolist()
    return Change(inside, outside)
