"""Contact sheets: many pictures with their boxes on one page, to be looked at before anything is trained or shipped."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.pictures import read_pixels
from training.errors import TrainingError

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

MEANINGS: Mapping[str, Colour] = {
    "with_mask": (20, 170, 60),
    "without_mask": (225, 40, 40),
    "mask_weared_incorrect": (215, 120, 0),
    "helmet": (20, 170, 60),
    "head": (225, 40, 40),
    "person": (40, 110, 230),
}
"""RGB of labels whose colour says what they mean: green is as it should be, red is not."""

PALETTE: Sequence[Colour] = (
    (40, 110, 230),
    (225, 40, 40),
    (20, 170, 60),
    (215, 120, 0),
    (160, 60, 200),
    (0, 170, 180),
    (235, 80, 160),
    (130, 90, 40),
)
"""RGB of other labels, in turn; all dark enough to be told from white text."""

PAPER: Colour = (245, 245, 245)
GAP = 6
CAPTION = 16
FONT = cv2.FONT_HERSHEY_SIMPLEX


def colours(labels: Iterable[str]) -> dict[str, Colour]:
    """A colour for each label: by its meaning, else the next of the palette in the order of the labels."""
    others = [label for label in dict.fromkeys(labels) if label not in MEANINGS]
    return dict(MEANINGS) | {label: PALETTE[number % len(PALETTE)] for number, label in enumerate(others)}


def draw_boxes(
    pixels: Pixels,
    boxes: Sequence[LabelledBox],
    *,
    scores: Sequence[float] | None = None,
    palette: Mapping[str, Colour] | None = None,
) -> Pixels:
    """A copy of an image with boxes, labels and, where there are any, scores.

    Args:
        pixels: uint8 height x width x 3, RGB.
        boxes: in pixels of the image; a difficult one is drawn thin.
        scores: one for each box, 0..1.
        palette: RGB by label; else `colours` of the labels, sorted.
    """
    drawn = np.ascontiguousarray(pixels).copy()
    palette = {**colours(sorted({box.label for box in boxes})), **(palette or {})}
    thickness = max(1, round(min(drawn.shape[:2]) / 110))
    for box in boxes:
        x_min, y_min, x_max, y_max = (round(edge) for edge in box.edges)
        corners = (x_min, y_min), (max(x_max - 1, x_min), max(y_max - 1, y_min))  # the last pixel that is inside
        cv2.rectangle(drawn, *corners, palette[box.label], 1 if box.difficult else thickness)
    for number, box in enumerate(boxes):
        score = f" {scores[number]:.2f}" if scores is not None else ""
        _write_label(drawn, box.label + score, (round(box.edges[0]), round(box.edges[1])), palette[box.label])
    return drawn


def sheet(cells: Sequence[Pixels], columns: int = 5, captions: Sequence[str] = ()) -> Pixels:
    """Pictures in rows, each centred in a place as wide and as high as any of them, with a line of text below.

    Args:
        cells: uint8 height x width x 3, RGB, of any sizes; at least one.
        columns: pictures in a row.
        captions: one for each picture, or none.

    Returns:
        uint8 height x width x 3, RGB.
    """
    height, width = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    columns = min(columns, len(cells))
    down, across = height + GAP + (CAPTION if captions else 0), width + GAP
    page = np.full((math.ceil(len(cells) / columns) * down + GAP, columns * across + GAP, 3), PAPER, np.uint8)
    for number, cell in enumerate(cells):
        top, left = GAP + number // columns * down, GAP + number % columns * across
        y, x = top + (height - cell.shape[0]) // 2, left + (width - cell.shape[1]) // 2
        page[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
        if captions:
            text = _fitting(captions[number], width, 0.35)
            cv2.putText(page, text, (left, top + height + 12), FONT, 0.35, (60, 60, 60), 1, cv2.LINE_AA)
    return page


def contact_sheet(images: Sequence[AnnotatedImage], file: Path, columns: int = 5, cell: int = 240) -> None:
    """Write a page of annotated images as PNG.

    Args:
        images: at least one; their boxes are drawn, their names stand below.
        file: the PNG file; its folder is made.
        columns: pictures in a row.
        cell: longest side of a picture on the page, in pixels.

    Raises:
        TrainingError: there is no image, or one cannot be read, or the page cannot be written.
    """
    if not images:
        raise TrainingError(f"{file}: a contact sheet needs at least one image")
    palette = colours(sorted({box.label for image in images for box in image.boxes}))
    cells = [_cell(image, cell, palette) for image in images]
    save_png(file, sheet(cells, columns, [image.file.name for image in images]))


def save_png(file: Path, pixels: Pixels) -> None:
    """Write RGB pixels as PNG.

    Raises:
        TrainingError: the file cannot be written.
    """
    _, png = cv2.imencode(".png", pixels[:, :, ::-1])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png.tobytes())
    except OSError as error:
        raise TrainingError(f"{file}: {error.strerror}") from None


def _cell(image: AnnotatedImage, side: int, palette: Mapping[str, Colour]) -> Pixels:
    """One image, scaled first, so that lines and letters have the same size on the whole page."""
    pixels = read_pixels(image.file)
    scale = side / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    across, down = size[0] / image.width, size[1] / image.height
    boxes = [
        LabelledBox(box.label, (x_min * across, y_min * down, x_max * across, y_max * down), box.difficult)
        for box in image.boxes
        for x_min, y_min, x_max, y_max in [box.edges]
    ]
    return draw_boxes(scaled.astype(np.uint8), boxes, palette=palette)


def _write_label(pixels: Pixels, text: str, corner: tuple[int, int], colour: Colour) -> None:
    """White text on the label's colour: above the box, in it at the image's upper edge, never outside the image."""
    scale = min(0.6, max(0.32, min(pixels.shape[:2]) / 900))
    text = _fitting(text, pixels.shape[1] - 4, scale)
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, 1)
    x = max(0, min(corner[0], pixels.shape[1] - width - 4))
    y = corner[1] - height - baseline if corner[1] >= height + baseline else corner[1]
    y = max(0, min(y, pixels.shape[0] - height - baseline))
    cv2.rectangle(pixels, (x, y), (x + width + 3, y + height + baseline - 1), colour, cv2.FILLED)
    cv2.putText(pixels, text, (x + 2, y + height + baseline // 2), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _fitting(text: str, width: int, scale: float) -> str:
    """The text, its end cut off where it would be wider than `width` pixels."""
    shown = text
    while len(shown) > 1 and cv2.getTextSize(shown, FONT, scale, 1)[0][0] > width:
        shown = shown[:-1]
    return shown
