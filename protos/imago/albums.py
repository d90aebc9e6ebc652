"""Puts many pictures into one file: side by side in a grid, or one after the other in an animation."""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from pathlib import Path

from PIL import Image

from imago import draw

MOVING_SUFFIXES = (".gif", ".webp", ".webm", ".mp4")
VIDEO_SUFFIXES = (".webm", ".mp4")
GAP = 2
BACKGROUND = "#101418"


def grid(pictures: Sequence[Image.Image], columns: int = 0) -> Image.Image:
    """The pictures side by side, row by row, with a small gap; one alone stays as it is.

    Args:
        pictures: At least one, all of the first one's size.
        columns: 0: as many as make the grid about as wide as it has rows.
    """
    if len(pictures) == 1:
        return pictures[0]
    columns = min(columns or ceil(sqrt(len(pictures))), len(pictures))
    width, height = pictures[0].width + GAP, pictures[0].height + GAP
    rows = ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), BACKGROUND)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        sheet.paste(picture, (column * width + GAP, row * height + GAP))
    return sheet


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures in one row, all as high as the last one, with a small gap."""
    height = pictures[-1].height
    fitted = [picture.resize((max(1, round(picture.width * height / picture.height)), height)) for picture in pictures]
    sheet = Image.new("RGB", (sum(one.width + GAP for one in fitted) + GAP, height + 2 * GAP), BACKGROUND)
    left = GAP
    for picture in fitted:
        sheet.paste(picture, (left, GAP))
        left += picture.width + GAP
    return sheet


def enlarge(picture: Image.Image, factor: int) -> Image.Image:
    """Each pixel as a square of factor x factor, so that small pictures can be seen as they are."""
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def save_grid(pictures: Sequence[Image.Image], path: Path, columns: int = 0) -> None:
    """Writes `grid` in the format of the suffix, one of draw.SUFFIXES. Raises OSError when it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw.save(grid(pictures, columns), path)


def save_moving(pictures: Iterable[Image.Image], path: Path, rate: float) -> None:
    """Writes the pictures one after the other, to be shown again and again, in the format of the suffix.

    Args:
        pictures: At least one, all of the first one's size.
        path: Its suffix is one of MOVING_SUFFIXES. A GIF has at most 256 colours in a picture; a video is not repeated.
        rate: Pictures a second; a GIF holds times in hundredths of a second.

    Raises:
        OSError: The file cannot be written, or a video is asked for where there is no OpenCV.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        _save_video(pictures, path, rate)
        return
    first, *others = pictures
    # `lossless` means something to WebP alone.
    first.save(path, save_all=True, append_images=others, duration=round(1000 / rate), loop=0, lossless=True)


def _save_video(pictures: Iterable[Image.Image], path: Path, rate: float) -> None:
    try:
        from imago.video import VideoWriter, from_pillow  # noqa: PLC0415 - OpenCV is an extra of the wheel
    except ImportError as error:
        raise OSError(f"Videos need OpenCV: pip install 'imago[video]' ({error}); a .gif does not.") from error
    writer = VideoWriter(path, rate)
    try:
        for picture in pictures:
            writer.write(from_pillow(picture))
    finally:
        writer.close()
