"""The sizes of images: what a network can take, how an image is made to fit, and how the answer gets its size back.

Pure functions on arrays.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from services.runtime.errors import InvalidInput, ModelFailed
from services.runtime.images import DecodedImage, Pixels


@dataclass(frozen=True, slots=True)
class Frame:
    """What sizes a network takes.

    Attributes:
        multiple: sides must be multiples of it.
        least: the smallest side; not below `multiple`.
        tile: the longest side that is given to it at once; a multiple of `multiple`.
        overlap: pixels that neighbouring tiles share at least.
    """

    multiple: int
    least: int
    tile: int
    overlap: int = 0


def check_frame(frame: Frame, model: str, key: str) -> Frame:
    """The frame itself. Raises ModelFailed where its numbers contradict each other."""
    what = f"model '{model}': {key}"
    if frame.least < frame.multiple:
        raise ModelFailed(f"{what} has least {frame.least}; it must be at least multiple, {frame.multiple}")
    if frame.tile % frame.multiple or frame.tile < frame.least:
        raise ModelFailed(
            f"{what} has tile {frame.tile}; it must be a multiple of {frame.multiple} and at least {frame.least}"
        )
    if frame.tile - frame.overlap < frame.multiple:
        raise ModelFailed(f"{what} has overlap {frame.overlap}; tiles of {frame.tile} must go on by {frame.multiple}")
    return frame


def check_least(image: DecodedImage, least: int, model: str, field: str) -> None:
    """Raises InvalidInput for an image with a side below `least`, as a network needs it."""
    height, width = image.pixels.shape[:2]
    if min(height, width) >= least:
        return
    reduced = "" if (width, height) == (image.width, image.height) else f", reduced to {width}x{height}"
    raise InvalidInput(
        f"{field} is {image.width}x{image.height} pixels{reduced}; model '{model}' needs at least {least} on each side",
        field=field,
    )


def padded(pixels: Pixels, multiple: int) -> Pixels:
    """The image, reflected at its right and lower edge until its sides are multiples."""
    height, width = pixels.shape[:2]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return pixels
    return np.asarray(cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REFLECT_101), np.uint8)


def scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    """The image at another size: by area where it shrinks, so that nothing aliases, and smoothly where it grows."""
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def reduced(pixels: Pixels, longest_side: int) -> Pixels:
    """The image with its longest side at most `longest_side` pixels."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= longest_side:
        return pixels
    sides = (max(1, round(side * longest_side / longest)) for side in (width, height))
    return scaled(pixels, *sides)
