"""Writes the faces that a Haar sweep kept as square pictures, and a sheet of them, the smallest first.

The smallest are where a cascade errs most (a nose and a mouth taken for a face), so they are what a person looks at.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.classical.haar import Detection
from training.data.sheet import save_png, sheet
from training.errors import TrainingError

JPEG_QUALITY = 95
_CELL = 96
_COLUMNS = 12
_SHOWN = 96


def write_crops(folder: Path, kept: Sequence[Detection], into: Path) -> list[Path]:
    """Cut each detection out of its image in `folder`; returns the files, the smallest face first."""
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{into}: {error.strerror}") from None
    files = []
    for each in sorted((each for each in kept if each.edges), key=_side):
        assert each.edges
        left, top, right, bottom = each.edges
        file = into / f"{Path(each.image).stem}.jpg"
        cv2.imwrite(
            str(file), _read(folder / each.image)[top:bottom, left:right], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        )
        files.append(file)
    return files


def _read(file: Path) -> NDArray[np.uint8]:
    """Blue, green and red, turned upright as EXIF says: the cascade searched it so."""
    pixels = cv2.imread(str(file))
    if pixels is None:
        raise TrainingError(f"{file}: can be read no more")
    return np.asarray(pixels, np.uint8)


def _side(detection: Detection) -> int:
    return detection.edges[2] - detection.edges[0] if detection.edges else 0


def draw_smallest(files: Sequence[Path], page: Path) -> None:
    """The first crops in rows, each scaled to the same size, as a PNG; nothing where there is none."""
    shown = [cv2.resize(_read(file), (_CELL, _CELL), interpolation=cv2.INTER_AREA) for file in files[:_SHOWN]]
    if shown:
        save_png(page, sheet([np.asarray(cell[..., ::-1], np.uint8) for cell in shown], _COLUMNS))
