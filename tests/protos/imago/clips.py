"""Small real videos, made by OpenCV itself."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

RATE = 25.0


def picture(number: int, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """A smooth picture in blue, green and red, in which a bright square moves with the number."""
    pixels = np.full((size[1], size[0], 3), (90, 60, 30), np.uint8)
    left = number * 2 % (size[0] - 8)
    pixels[10:18, left : left + 8] = (40, 200, 240)
    return pixels


def write_clip(path: Path, frames: int = 10, *, codec: str = "VP90", rate: float = RATE) -> Path:
    """A video of so many frames of 64 x 48 pixels."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path


def truncate(path: Path, share: float) -> Path:
    """Keeps the beginning of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def jpegs(*sizes: tuple[int, int]) -> bytes:
    """A raw motion-JPEG stream: one JPEG file after the other, each of its own size."""
    files = (cv2.imencode(".jpg", picture(number, size))[1] for number, size in enumerate(sizes))
    return b"".join(file.tobytes() for file in files)


def shapes(path: Path) -> list[tuple[int, int]]:
    """Width and height of every frame that OpenCV reads from a file."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while (read := capture.read())[0]:
        found.append((read[1].shape[1], read[1].shape[0]))
    return found
