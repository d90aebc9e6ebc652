"""Reads videos and cameras, and writes videos, by OpenCV, which the extra `imago[video]` brings.

It knows files, frames and times; not what is found in them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

CODECS = {".webm": "VP90", ".mp4": "mp4v"}

# For sources that do not say how fast they are, or say what no screen shows: browsers write 1000 into recordings.
USUAL_RATE = 30.0
MOST_RATE = 240.0

Pixels = NDArray[np.uint8]


class VideoError(OSError):
    """A video that cannot be read or written as asked; a sentence for people."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels, uint8 of shape (height, width, 3) in OpenCV's order blue, green, red; microseconds since the first."""

    pixels: Pixels
    time_us: int


class VideoReader:
    """The frames of a video file, each as soon as it is asked for.

    Attributes:
        rate: Frames a second, to write them with.
        count: Frames that the file announces; 0 where it does not.

    Raises:
        VideoError: The file is no video that can be read.
        OSError: There is no such file.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb"):  # so that a file that is not there is told from one that is no video
            pass
        self._path = path
        self._capture = _open(str(path), f"{path} cannot be read as a video.")
        rate, count = (self._capture.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.rate = _usual(rate)
        self.count = max(0, int(count))
        self._announced_us = self.count / rate * 1e6 if rate > 0 else 0.0
        self._longest_gap_us = 1e6 / self.rate
        self._last_us = 0
        self._frames = 0

    def __iter__(self) -> Iterator[Frame]:
        while (pixels := _read(self._capture)) is not None:
            # Damaged files have times that go back.
            time_us = max(round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e3), self._last_us)
            self._longest_gap_us = max(self._longest_gap_us, time_us - self._last_us)
            self._last_us = time_us
            self._frames += 1
            yield Frame(pixels, time_us)

    def shortfall(self) -> str:
        """After the last frame: that the file announced more than it held, as a sentence; empty when it was whole."""
        if not self._frames:
            return f"{self._path} holds no frame that can be read."
        lost_us = self._announced_us - (self._last_us + self._longest_gap_us)
        # A file whose rate varies holds fewer frames than its rate and its length make one think, but none is missing.
        if self._frames >= self.count - 1 or lost_us <= 1.5 * self._longest_gap_us:
            return ""
        return (
            f"{self._path} is cut off or damaged: after {self._frames} frames it ends at {self._last_us / 1e6:.1f} s "
            f"of {self._announced_us / 1e6:.1f} s."
        )

    def close(self) -> None:
        self._capture.release()


class Camera:
    """The frames of a camera as they come, until it is stopped.

    Attributes:
        rate: Frames a second that it promises.
        count: 0: nobody knows how many there will be.

    Args:
        name: A number, a device such as /dev/video0, or the address of a network camera.

    Raises:
        VideoError: It cannot be opened.
    """

    count = 0

    def __init__(self, name: str) -> None:
        self._name = name
        source = int(name) if name.isdecimal() else name
        self._capture = _open(source, f"Camera {name} cannot be opened: is it there, and not in use?")
        self.rate = _usual(self._capture.get(cv2.CAP_PROP_FPS))
        self._stopped = False

    def __iter__(self) -> Iterator[Frame]:
        begun = monotonic()
        while not self._stopped and (pixels := _read(self._capture)) is not None:
            yield Frame(pixels, round((monotonic() - begun) * 1e6))

    def stop(self) -> None:
        """Makes the frame that is being taken the last; from any thread."""
        self._stopped = True

    def shortfall(self) -> str:
        """After the last frame: that it ended by itself, as a sentence; empty when it was stopped."""
        return "" if self._stopped else f"Camera {self._name} gives no more frames."

    def close(self) -> None:
        self._capture.release()


class VideoWriter:
    """Writes frames at an even rate into a file, which begins with the first and has its size.

    Args:
        path: Its suffix, one of CODECS, names the format.
        rate: Frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path = path
        self._rate = rate
        self._size = (0, 0)
        self._writer: cv2.VideoWriter | None = None
        self._written = 0

    def write(self, pixels: Pixels) -> None:
        """Adds one frame. One of another size than the first is scaled, with black beside it where the shape differs.

        Raises:
            VideoError: The file cannot be written.
        """
        if self._writer is None:
            self._size = (_even(pixels.shape[1]), _even(pixels.shape[0]))
            code = cv2.VideoWriter.fourcc(*CODECS[self._path.suffix.lower()])
            with _quiet():
                self._writer = cv2.VideoWriter(str(self._path), cv2.CAP_FFMPEG, code, self._rate, self._size)
        if not self._writer.isOpened():
            raise VideoError(f"{self._path} cannot be written.")
        self._writer.write(_fit(pixels, self._size))
        self._written += 1

    def write_until(self, pixels: Pixels, time_us: int) -> None:
        """Adds a frame as often as the file needs to reach the time: for frames that do not come evenly."""
        for _ in range(round(time_us / 1e6 * self._rate) + 1 - self._written):
            self.write(pixels)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()


def from_pillow(picture: Image.Image) -> Pixels:
    """A picture as a frame."""
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])


def to_jpeg(pixels: Pixels, quality: int) -> bytes:
    """A frame as a JPEG file; quality 1..100."""
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def _open(source: str | int, otherwise: str) -> cv2.VideoCapture:
    with _quiet():
        capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise VideoError(otherwise)
    return capture


def _read(capture: cv2.VideoCapture) -> Pixels | None:
    """None when there is no further frame."""
    there, pixels = capture.read()
    return np.asarray(pixels, np.uint8) if there else None


def _usual(rate: float) -> float:
    return rate if 0 < rate <= MOST_RATE else USUAL_RATE  # NaN is neither


def _even(side: int) -> int:
    """What both codecs can have as a side."""
    return max(2, side - side % 2)


def _fit(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = pixels.shape[:2]
    if size in ((width, height), (width - width % 2, height - height % 2)):
        return np.ascontiguousarray(pixels[: size[1], : size[0]])
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    fitted = np.zeros((size[1], size[0], 3), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA)
    return fitted


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what OpenCV and FFmpeg print by themselves from the terminal: what fails is told in a sentence."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
