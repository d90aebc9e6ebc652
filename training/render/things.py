"""Whatever this project can show without a data set: patterns, fruits, animals, and crops of real photographs.

What features are learnt from that dreams and styles are made of. Crops that a network is checked with come from another
part of the photograph than those that it learns from.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.photographs import PHOTOGRAPHS, photograph
from training.data.rendered import VALIDATION_OFFSET
from training.errors import TrainingError
from training.render.animals import QUADRUPEDS, render_quadruped
from training.render.fruits import FRUITS, render_fruit
from training.render.patterns import PATTERNS, render_pattern

THINGS = (*PATTERNS, *FRUITS, *QUADRUPEDS, *(f"photograph_{name}" for name in PHOTOGRAPHS))
"""The kinds; a crop of the photograph "coffee" is a "photograph_coffee"."""

_HELD_OUT = 0.3
"""Share of a photograph, at its right, that only validation sees."""


def render_thing(seed: int, width: int, height: int, kind: str) -> NDArray[np.uint8]:
    """The thing of a seed: the same pixels on every call and in every process.

    Args:
        seed: 0 or more; of a photograph it decides what part of it, mirrored or not, and how much enlarged.
        width: in pixels.
        height: in pixels.
        kind: a name of `THINGS`.

    Returns:
        uint8 height x width x 3, red, green and blue.

    Raises:
        TrainingError: there is no such kind.
    """
    if kind in PATTERNS:
        return render_pattern(seed, width, height, kind)
    if kind in FRUITS:
        return render_fruit(seed, width, height, kind)
    for animal in QUADRUPEDS:
        if kind == animal:
            return render_quadruped(seed, width, height, animal)
    if kind in THINGS:
        return crop(_photograph(kind.removeprefix("photograph_")), seed, width, height)
    raise TrainingError(f"there is no thing '{kind}'; there are {', '.join(THINGS)}")


def crop(pixels: NDArray[np.uint8], seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """A part of a photograph at another size: from a fifth of its height to all of it, if that much is there."""
    rng = np.random.default_rng((seed, 0xC409))
    border = round(pixels.shape[1] * (1 - _HELD_OUT))
    part = pixels[:, border:] if seed >= VALIDATION_OFFSET else pixels[:, :border]
    most = min(part.shape[0] / height, part.shape[1] / width)
    scale = np.exp(rng.uniform(np.log(0.2 * most), np.log(most)))
    rows, columns = max(1, int(height * scale)), max(1, int(width * scale))
    top, left = (
        int(rng.integers(0, whole - side + 1)) for whole, side in zip(part.shape, (rows, columns), strict=False)
    )
    cut = part[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (width, height), interpolation=interpolation), np.uint8)


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _photograph(name: str) -> NDArray[np.uint8]:
    """Read once: decoding takes longer than cutting."""
    return photograph(name)
