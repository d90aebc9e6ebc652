"""Turns untrusted bytes into RGB pixels, and pixels into files: the only place in a server that decodes an image.

`image_files` decides from the structure what may be decoded. Then one named decoder per format reads pixels, both of
them without the GIL:

- JPEG: libjpeg-turbo through `simplejpeg`, which reports damaged scan data, where OpenCV and Pillow hand out a
  half-grey picture. For sound files all three agree to the bit. It also leaves CMYK as it is; OpenCV's own conversion
  is not exact.
- PNG and WebP: OpenCV's `imdecode` in `IMREAD_UNCHANGED` mode, which returns what is stored: 16 bits, palettes as
  colours, alpha. The conversion to RGB8 is written out below, exact, because OpenCV drops alpha and low bytes. libpng
  sees only the five kinds of chunk that hold pixels, no text and no profiles.

Colour profiles and gamma are ignored everywhere; so is an orientation that only XMP states.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # has stubs, but no py.typed
from numpy.typing import NDArray

from services.runtime.errors import Overloaded
from services.runtime.image_files import ImageFile, ImageLimits, inspect, refusal

__all__ = [
    "DecodedImage",
    "ImageDecoder",
    "ImageLimits",
    "PixelOrder",
    "Pixels",
    "decode",
    "encode_jpeg",
    "encode_png",
    "encode_webp",
    "from_raw",
]

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB, row-major. What is encoded may also have one channel of grey."""

PixelOrder = Literal["RGB8", "BGR8", "GRAY8"]

T = TypeVar("T")

_BAND_PIXELS = 1 << 18  # rows converted at a time, so that 64-bit intermediates stay within 25 MB
_UPRIGHT: dict[int, Callable[[Pixels], Any]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image, perhaps reduced.

    Attributes:
        pixels: uint8, height x width x 3, RGB; may be read-only.
        width: of the upright original, in pixels.
        height: of the upright original, in pixels.
        scale: longest side of `pixels` / longest side of the original, at most 1. A position in `pixels` divided by it
            is the position in the original, but for less than one pixel of `pixels` that sides are rounded by.
    """

    pixels: Pixels
    width: int
    height: int
    scale: float


def decode(data: bytes, limits: ImageLimits, *, longest_side: int = 0) -> DecodedImage:
    """Decode a whole JPEG, PNG or WebP file; `longest_side` above 0 reduces a larger image to exactly that side.

    A JPEG is then decoded at the smallest of 1/2, 3/8, 1/4 and 1/8 that is not below, and resized by area from there.
    CMYK is read as Adobe writes it (inverted), as browsers do, and becomes round(ink-free share * black-free share).
    16 bits become round(v / 257); transparency is laid over white; both rounded once, to the nearest.

    Raises:
        InvalidInput: with field "image": empty, too large, another format, animated, truncated or damaged.
    """
    return _decode_file(inspect(data, limits), data, longest_side)


def from_raw(
    data: bytes, width: int, height: int, order: PixelOrder, limits: ImageLimits, *, longest_side: int = 0
) -> DecodedImage:
    """Wrap pixels that are already decoded: row-major, top row first, unpadded, 8 bits a channel; RGB8 is not copied.

    Raises:
        InvalidInput: with field "image": a size beyond the limits, or another number of bytes than it needs.
    """
    limits.check(width, height)
    channels = 1 if order == "GRAY8" else 3
    if len(data) != width * height * channels:
        needed = f"{width}x{height} pixels of {order} need {width * height * channels}"
        raise refusal(f"has {len(data)} bytes of raw pixels; {needed}")
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, channels)
    if order != "RGB8":
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if channels == 1 else cv2.COLOR_BGR2RGB), np.uint8)
    reduced = _reduce(pixels, width, height, longest_side)
    return DecodedImage(reduced, width, height, max(reduced.shape[:2]) / max(width, height))


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """A baseline JPEG, of colours with halved chroma (4:2:0); `quality` is libjpeg's, 1..100."""
    space, subsampling = ("GRAY", "Gray") if pixels.shape[2] == 1 else ("RGB", "420")
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, space, subsampling))


def encode_png(pixels: Pixels) -> bytes:
    """A PNG, at OpenCV's default compression (fast, not smallest)."""
    return cv2.imencode(".png", _stored(pixels))[1].tobytes()


def encode_webp(pixels: Pixels, quality: int = 90) -> bytes:
    """A WebP with losses; `quality` is libwebp's, 1..100."""
    return cv2.imencode(".webp", _stored(pixels), (cv2.IMWRITE_WEBP_QUALITY, quality))[1].tobytes()


def _stored(pixels: Pixels) -> NDArray[Any]:
    """The pixels in OpenCV's order."""
    return pixels if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)


class ImageDecoder:
    """Decodes in threads of its own. Together, images being decoded at once have at most `limits.max_pixels` pixels.

    So memory stays below about 24 bytes for each of those pixels (16-bit RGBA; 3 to 8 for others), whatever arrives;
    `max_waiting` bounds the encoded images that wait for a thread.
    """

    def __init__(self, limits: ImageLimits, threads: int, *, max_waiting: int = 256) -> None:
        self.limits = limits
        self._threads = threads
        self._most = threads + max_waiting
        self._accepted = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._free_pixels = limits.max_pixels
        self._room = threading.Condition()
        self._turn = threading.Lock()

    async def decode(self, data: bytes, *, longest_side: int = 0) -> DecodedImage:
        """As the function `decode`; cancelling drops the image if no thread has begun it.

        Raises:
            InvalidInput: as the function does.
            Overloaded: `max_waiting` images wait already.
        """
        return await self._in_thread(partial(self._decode_within_room, data, longest_side))

    async def decode_then(self, data: bytes, prepare: Callable[[DecodedImage], T], *, least_side: int) -> T:
        """What `prepare` makes of the image, in the thread that decodes it: changing threads twice would cost more.

        A JPEG is decoded at the smallest fraction whose longest side is at least `least_side` pixels. Nothing is
        resized: that is for `prepare` to do, in its own way. Raises as `decode` does.
        """

        def work() -> T:
            return prepare(self._decode_within_room(data, least_side, exact=False))

        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._accepted >= self._most:
            raise Overloaded(f"{self._accepted - self._threads} images wait to be decoded; no more are accepted")
        self._accepted += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._accepted -= 1

    def close(self) -> None:
        """Wait for the images being decoded and end the threads; the waiting ones are cancelled."""
        self._executor.shutdown(cancel_futures=True)

    def _decode_within_room(self, data: bytes, longest_side: int, *, exact: bool = True) -> DecodedImage:
        image = inspect(data, self.limits)
        pixels = image.width * image.height
        with self._turn, self._room:  # in turn, so that small images cannot starve a large one
            self._room.wait_for(lambda: self._free_pixels >= pixels)
            self._free_pixels -= pixels
        try:
            return _decode_file(image, data, longest_side, exact=exact)
        finally:
            with self._room:
                self._free_pixels += pixels
                self._room.notify_all()


def _decode_file(image: ImageFile, data: bytes, longest_side: int, *, exact: bool = True) -> DecodedImage:
    stored = _jpeg_pixels(image, data, longest_side) if image.kind == "JPEG" else _opencv_pixels(image)
    reduced = _reduce(stored, image.width, image.height, longest_side) if exact else stored
    scale = max(reduced.shape[:2]) / max(image.width, image.height)
    if image.orientation == 1:
        return DecodedImage(reduced, image.width, image.height, scale)
    upright = np.asarray(_UPRIGHT[image.orientation](reduced), np.uint8)
    sides = (image.height, image.width) if image.orientation >= 5 else (image.width, image.height)
    return DecodedImage(upright, *sides, scale)


def _jpeg_pixels(image: ImageFile, data: bytes, longest_side: int) -> Pixels:
    wide = image.width >= image.height
    try:
        stored = simplejpeg.decode_jpeg(
            data,
            "CMYK" if image.components == 4 else "RGB",
            min_width=longest_side if wide else 0,
            min_height=0 if wide else longest_side,
            min_factor=2 if longest_side else 1,
        )
    except ValueError as error:
        raise refusal(f"is a damaged or truncated JPEG: {error}") from None
    return _in_bands(stored, _cmyk_to_rgb) if image.components == 4 else stored


def _opencv_pixels(image: ImageFile) -> Pixels:
    # Joined by numpy, which copies without the GIL; for 20 MiB, `bytes.join` would hold it for about 10 ms.
    whole = np.concatenate([np.frombuffer(part, np.uint8) for part in image.parts])
    try:
        stored = cv2.imdecode(whole, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        stored = None
    if stored is None or stored.shape[:2] != (image.height, image.width):
        raise refusal(f"is a damaged {image.kind}: its {len(whole)} bytes of pixel data do not decode")
    if image.transparent_grey is not None:
        stored[stored == image.transparent_grey] = 255 if stored.dtype == np.uint8 else 65_535
    if stored.ndim == 3 and stored.shape[2] == 4:
        return _in_bands(stored, _bgra_to_rgb)
    if stored.dtype == np.uint16:
        return _in_bands(stored, _deep_to_rgb)
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_GRAY2RGB if stored.ndim == 2 else cv2.COLOR_BGR2RGB), np.uint8)


def _in_bands(stored: NDArray[Any], convert: Callable[[NDArray[Any]], NDArray[Any]]) -> Pixels:
    height, width = stored.shape[:2]
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        pixels[top : top + rows] = convert(stored[top : top + rows])
    return pixels


def _cmyk_to_rgb(inverted: NDArray[Any]) -> NDArray[Any]:
    shares = inverted.astype(np.uint16)
    return (shares[..., :3] * shares[..., 3:] + 127) // 255


def _bgra_to_rgb(bgra: NDArray[Any]) -> NDArray[Any]:
    """255 - round((top - c) * alpha / (top * top / 255)): colour over white, from 8 or 16 bits; no tie is possible."""
    top = int(np.iinfo(bgra.dtype).max)
    wide = np.uint16 if top == 255 else np.uint64
    unit = top * top // 255
    cover = (top - bgra[..., 2::-1]).astype(wide) * bgra[..., 3:]
    return np.asarray(255 - (cover + unit // 2) // unit)


def _deep_to_rgb(stored: NDArray[Any]) -> NDArray[Any]:
    rgb = stored[..., np.newaxis] if stored.ndim == 2 else stored[..., ::-1]
    return (rgb.astype(np.uint32) + 128) // 257


def _reduce(stored: Pixels, width: int, height: int, longest_side: int) -> Pixels:
    """Resize to `longest_side` when the original is longer: by area, so that nothing aliases."""
    longest = max(width, height)
    if not 0 < longest_side < longest:
        return stored
    size = (max(1, round(width * longest_side / longest)), max(1, round(height * longest_side / longest)))
    if size == (stored.shape[1], stored.shape[0]):
        return stored
    return np.asarray(cv2.resize(stored, size, interpolation=cv2.INTER_AREA), np.uint8)
