"""Pictures made of photographs: their edges and their greys, for translators that give the photograph back."""

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Way = Literal["edges", "colorize"]

STRONG, WEAK = 0.90, 0.4
"""The quantile of gradients from which on an edge begins, and the share of it down to which the edge goes on."""


def derived(pixels: Pixels, way: Way) -> Pixels:
    """What a translator is given of a photograph: its `edges` or, to `colorize`, its `grey`."""
    return edges(pixels) if way == "edges" else grey(pixels)


def grey(pixels: Pixels) -> Pixels:
    """The luma of an image (ITU-R BT.601), uint8 (height, width, 3) of three equal channels."""
    return np.repeat(_luma(pixels)[:, :, None], 3, axis=2)


def edges(pixels: Pixels) -> Pixels:
    """Black lines on white where brightness changes, uint8 (height, width, 3).

    Canny's detector (A Computational Approach to Edge Detection, 1986). Its thresholds follow the image: a tenth of the
    pixels are steep enough for an edge to begin, so that dull pictures have edges too.

    Args:
        pixels: uint8 (height, width, 3), RGB.
    """
    smooth = cv2.GaussianBlur(_luma(pixels), (0, 0), 1.2)
    across, down = (cv2.Sobel(smooth, cv2.CV_16S, dx, dy) for dx, dy in ((1, 0), (0, 1)))
    steep = np.hypot(across.astype(np.float32), down.astype(np.float32))
    strong = max(float(np.quantile(steep, STRONG)), 1.0)
    lines = cv2.Canny(across, down, WEAK * strong, strong, L2gradient=True)
    return np.repeat((255 - lines)[:, :, None], 3, axis=2).astype(np.uint8)


def _luma(pixels: Pixels) -> Pixels:
    return cast("Pixels", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
