"""What the same held-out images become while a translator is trained: a sheet for each moment.

Columns are images; rows are what was given, what was made of it, and what it should have become or what comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from training.data.translated import PairedImages, UnpairedSplits
from training.metrics.translation.images import translate_pixels
from training.samples import tiled

Pixels = NDArray[np.uint8]

MOST_COLUMNS = 8
_MOST_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture with rows of images.

    Attributes:
        pixels: uint8 (height, width, 3), about 1,024 pixels wide at most.
        made: the rows that have what was made, counted from the top: those that change from one moment to the next.
    """

    pixels: Pixels
    made: tuple[int, ...]


def pair_sheet(generator: nn.Module, pairs: PairedImages, columns: int | None = None) -> Sheet:
    """The first pairs: given, made, wanted.

    Args:
        generator: of float32 (n, 3, height, width) in -1..1.
        pairs: held-out ones.
        columns: pairs at most; None: what fits a screen.
    """
    some = pairs.take(np.arange(min(len(pairs), columns or _columns(pairs.inputs))))
    return _sheet([some.inputs, translate_pixels(generator, some.inputs), some.targets], (1,))


def domain_sheet(generators: Mapping[str, nn.Module], splits: UnpairedSplits, columns: int | None = None) -> Sheet:
    """The first held-out images of each domain that is left: given, made, and back again where there is a way back.

    Args:
        generators: by direction.
        splits: of both domains.
        columns: images at most; None: what fits a screen.
    """
    names = [f"{a}_to_{b}" for a, b in (splits.domains, splits.domains[::-1])]
    rows: list[Pixels] = []
    made: list[int] = []
    pixels = splits.validation[0].pixels
    count = min(*(len(images) for images in splits.validation), columns or _columns(pixels))
    for images, there, back in zip(splits.validation, names, reversed(names), strict=True):
        if there in generators:
            given = images.pixels[:count]
            translated = translate_pixels(generators[there], given)
            made.append(len(rows) + 1)
            rows += [given, translated]
            if back in generators:
                rows.append(translate_pixels(generators[back], translated))
    return _sheet(rows, tuple(made))


def _columns(pixels: Pixels) -> int:
    return max(2, min(MOST_COLUMNS, _MOST_SIDE // int(pixels.shape[2])))


def _sheet(rows: Sequence[Pixels], made: tuple[int, ...]) -> Sheet:
    return Sheet(tiled(np.concatenate(rows), len(rows[0])), made)
