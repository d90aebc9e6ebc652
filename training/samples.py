"""What fixed latent vectors become while a generator is trained: a sheet for each moment, and a film strip of them.

The vectors are those of the seeds 0, 1, 2, ..., as the service draws them: a place of a sheet is the same seed always.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.adversarial.model import ImageGenerator
from training.errors import TrainingError
from training.generators.drawing import draw_latents
from training.metrics.images import make_images

Pixels = NDArray[np.uint8]

SHEET = "step-{step:08d}.png"
STRIP = "strip.png"
MOMENTS = 12
"""Most rows of a strip."""

_GAP = 2
_MOST_SIDE = 1024
_MOST_COLUMNS = 8
_PAPER = 255
_MARGIN = 96


def sample_sheet(generator: ImageGenerator) -> Pixels:
    """Images of the seeds 0.., a row after the other; a column for each class where there are classes.

    Returns:
        uint8 (height, width, channels), about 1,024 pixels wide at most.
    """
    size = int(_image(generator).shape[0])
    columns = generator.classes or max(2, min(_MOST_COLUMNS, _MOST_SIDE // size))
    rows = max(1, min(_MOST_COLUMNS, _MOST_SIDE // size))
    latents = torch.from_numpy(draw_latents(generator.latent, range(rows * columns)))
    labels = torch.arange(rows * columns) % columns if generator.classes else None
    return tiled(make_images(generator, latents, labels), columns)


def tiled(images: Pixels, columns: int) -> Pixels:
    """Images (n, height, width, channels) in rows of `columns`, with white between them."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, channels), _PAPER, np.uint8)
    for place, image in enumerate(images):
        top, left = (
            _GAP + step * (side + _GAP) for step, side in zip(divmod(place, columns), (height, width), strict=True)
        )
        sheet[top : top + height, left : left + width] = image
    return sheet


def write_sheet(generator: ImageGenerator, step: int, folder: Path) -> None:
    """The sheet after a number of steps, into `step-00000640.png`."""
    write_picture(sample_sheet(generator), folder / SHEET.format(step=step))


def film_strip(folder: Path, size: int, rows: Sequence[int] = (0,)) -> Path | None:
    """Some rows of some sheets of a folder, one below the other with their steps, as one picture.

    Args:
        folder: with sheets, e.g. a run's `samples`.
        size: side of one image.
        rows: of each sheet, counted from its top.

    Returns:
        The picture `strip.png`; None where there is no sheet.

    Raises:
        TrainingError: a sheet cannot be read.
    """
    files = sorted(folder.glob("step-*.png"))
    if not files:
        return None
    places = np.unique(np.linspace(0, len(files) - 1, MOMENTS).round().astype(int))
    strips = [_rows(files[place], size, rows) for place in places]
    write_picture(np.concatenate(strips), folder / STRIP)
    return folder / STRIP


def write_picture(pixels: Pixels, file: Path) -> None:
    """Write RGB or grey pixels (height, width, channels) as a PNG, all or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    coloured = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.shape[2] == 3 else pixels
    partial = file.with_name(f".{file.name}")
    partial.write_bytes(cv2.imencode(".png", coloured)[1].tobytes())
    partial.replace(file)


def _rows(file: Path, size: int, rows: Sequence[int]) -> Pixels:
    """Rows of a sheet, with its step to the left."""
    read = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    if read is None:
        raise TrainingError(f"{file} is damaged, or no PNG")
    height = size + _GAP
    images = np.concatenate([np.asarray(read[row * height : (row + 1) * height], np.uint8) for row in rows])
    margin = np.full((len(images), _MARGIN, 3), _PAPER, np.uint8)
    step = str(int(file.stem.removeprefix("step-")))
    cv2.putText(margin, step, (4, len(images) // 2 + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate((margin, images), axis=1)


def _image(generator: ImageGenerator) -> Pixels:
    """Any image that it makes."""
    labels = torch.zeros(1, dtype=torch.int64) if generator.classes else None
    image: Pixels = make_images(generator, torch.from_numpy(draw_latents(generator.latent, [0])), labels)[0]
    return image
