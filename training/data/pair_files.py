"""Rendered pairs as files: side by side in one picture, as the public maps are, so that any pix2pix reads them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from training.data.processes import in_processes
from training.data.rendered import JPEG_QUALITY
from training.data.rendered_pairs import CHUNK, VERSIONS, draw_pair
from training.data.sheet import save_png, sheet
from training.errors import TrainingError
from training.recipe import Data

COLUMNS = 4


def write_pairs(source: str, size: tuple[int, int], seeds: range, folder: Path) -> list[Path]:
    """The pairs of some seeds as `SEED.jpg`, what is given on the left; what is there is not made again.

    Args:
        source: one of `training.data.rendered_pairs`.
        size: width and height of one side in pixels.
        seeds: 0 or more, each a pair.
        folder: is made.

    Returns:
        The files, in the order of their seeds.

    Raises:
        TrainingError: there is no such source, or a file cannot be written.
    """
    if source not in VERSIONS:
        raise TrainingError(f"there are no pairs of '{source}'; there are {', '.join(VERSIONS)}")
    files = [folder / f"{seed:010d}.jpg" for seed in seeds]
    todo = [(seed, file) for seed, file in zip(seeds, files, strict=True) if not file.is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    for _ in in_processes(partial(write_pair, source, size), todo, f"rendering {source}", CHUNK):
        pass
    return files


def write_pair(source: str, size: tuple[int, int], item: tuple[int, Path]) -> None:
    """Write one pair whole or not at all; `item` is its seed and its file."""
    seed, file = item
    both = np.hstack(draw_pair(_data(source, size), seed))
    _, jpeg = cv2.imencode(".jpg", both[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    part = file.with_suffix(".part")
    part.write_bytes(jpeg.tobytes())
    part.replace(file)


def pair_sheet(source: str, size: tuple[int, int], seeds: Sequence[int], file: Path) -> None:
    """A page of pairs as PNG, to be looked at.

    Raises:
        TrainingError: the file cannot be written.
    """
    cells = [np.hstack(draw_pair(_data(source, size), seed)) for seed in seeds]
    save_png(file, sheet(cells, COLUMNS, [f"{source} {seed}" for seed in seeds]))


def _data(source: str, size: tuple[int, int]) -> Data:
    return Data(source=source, classes=("given", "wanted"), train=1, validation=1, width=size[0], height=size[1])
