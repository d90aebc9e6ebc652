"""Cuts an image into overlapping tiles and blends what became of them, in memory bounded by one row of tiles.

Every tile has a weight that falls to nothing where it ends inside the image; at each pixel the weights of all tiles add
up to 1. So what a network changes pixel by pixel comes out as if the image had been one piece, and where neighbours
disagree the one fades into the other. Tiles start at multiples of the network's own, where its strided layers see the
same phase. Pure functions on arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.runtime.images import Pixels

Weights = NDArray[np.float32]
"""(tiles, side): what the pixels of each tile of one axis count, in their order."""

_MARGIN = 1 / 8
"""Share of the overlap at a tile's end that counts nothing: there a network sees its own padding."""


@dataclass(frozen=True)
class Grid:
    """Where the tiles of an image lie, row by row.

    Attributes:
        height, width: of the image, multiples of the network's own.
        tile_height, tile_width: of every tile.
        tops, lefts: where rows and columns of tiles start.
        overlap: least pixels that neighbours share.
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    overlap: int

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    @cached_property
    def row_weights(self) -> Weights:
        return axis_weights(self.tops, self.tile_height, self.overlap)

    @cached_property
    def column_weights(self) -> Weights:
        return axis_weights(self.lefts, self.tile_width, self.overlap)

    def pieces(self, most: int) -> Iterator[range]:
        """The numbers of all tiles, in order, at most so many at once."""
        for start in range(0, len(self), most):
            yield range(start, min(start + most, len(self)))

    def cut(self, pixels: Pixels, numbers: Sequence[int]) -> Pixels:
        """Tiles (n, tile_height, tile_width, 3) of an image (height, width, 3)."""
        tiles = []
        for number in numbers:
            row, column = divmod(number, len(self.lefts))
            top, left = self.tops[row], self.lefts[column]
            tiles.append(pixels[top : top + self.tile_height, left : left + self.tile_width])
        return np.stack(tiles)


def plan_grid(height: int, width: int, *, tile: int, overlap: int, multiple: int) -> Grid:
    """The fewest tiles of at most `tile` pixels a side that cover the image and share at least `overlap` pixels.

    `height`, `width` and `tile` are multiples of `multiple`; `overlap` leaves room for one of them within a tile.
    """
    tile_height, tile_width = min(tile, height), min(tile, width)
    tops = _starts(height, tile_height, overlap, multiple)
    lefts = _starts(width, tile_width, overlap, multiple)
    return Grid(height, width, tile_height, tile_width, tops, lefts, overlap)


def _starts(length: int, tile: int, overlap: int, multiple: int) -> tuple[int, ...]:
    """Evenly spread, the last one flush with the end."""
    units, last = max(1, (tile - overlap) // multiple), (length - tile) // multiple
    steps = -(-last // units)
    return tuple(multiple * (last * step // steps) for step in range(steps + 1)) if steps else (0,)


def axis_weights(starts: Sequence[int], tile: int, overlap: int) -> Weights:
    """What each pixel of each tile counts along one axis; at every position they add up to 1."""
    margin = int(_MARGIN * overlap)
    rise = (np.arange(tile, dtype=np.float64) + 0.5 - margin) / max(1, overlap - 2 * margin)
    ramp = np.clip(rise, 0, 1)
    weights = np.ones((len(starts), tile))
    weights[1:] *= ramp
    weights[:-1] *= ramp[::-1]
    total = np.zeros(starts[-1] + tile)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + tile] += weight
    shares = [weight / total[start : start + tile] for start, weight in zip(starts, weights, strict=True)]
    return np.array(shares, np.float32)


class Mosaic:
    """The image that tiles are blended into; they come in the grid's order."""

    def __init__(self, grid: Grid, height: int, width: int) -> None:
        """`height` and `width`: of the image; what the grid covers beyond them is left out."""
        self.pixels: Pixels = np.empty((height, width, 3), np.uint8)
        self._grid = grid
        self._next = 0
        self._row = np.zeros((grid.tile_height, grid.width, 3), np.float32)
        # What overlapping rows of tiles have added to the pixels from the current row's top on.
        self._sum = np.zeros_like(self._row)

    def add(self, tiles: Pixels) -> None:
        """The next tiles (n, tile_height, tile_width, 3)."""
        grid = self._grid
        for tile in tiles:
            row, column = divmod(self._next, len(grid.lefts))
            left, weights = grid.lefts[column], grid.column_weights[column]
            self._row[:, left : left + grid.tile_width] += tile * weights[:, np.newaxis]
            self._next += 1
            if column == len(grid.lefts) - 1:
                self._finish_row(row)

    def _finish_row(self, row: int) -> None:
        grid = self._grid
        self._row *= grid.row_weights[row][:, np.newaxis, np.newaxis]
        self._sum += self._row
        self._row[:] = 0
        top = grid.tops[row]
        done = grid.tops[row + 1] - top if row + 1 < len(grid.tops) else grid.tile_height
        height, width = self.pixels.shape[:2]
        rows = min(done, height - top)
        finished = self._sum[:rows, :width]
        finished += 0.5
        # Weights add up to 1 but for rounding, so that 255 may come out as a hair more.
        self.pixels[top : top + rows] = np.minimum(finished, 255, out=finished)
        self._sum[: grid.tile_height - done] = self._sum[done:]
        self._sum[grid.tile_height - done :] = 0
