"""Decides from a file's bytes what image it is, whether it is complete and whether it may be decoded at all.

Reads structure only, never pixels: nothing here allocates by what a header claims. It does not use Pillow's `open`,
which builds libwebp's decoder (it reserves the whole canvas) and inflates text and profile chunks of a PNG.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from services.runtime.errors import InvalidInput

_MAX_SEGMENTS = 20_000  # 20 MiB in PNG chunks of 1 KiB each; walking them takes about 15 ms
_MAX_SCANS = 100  # encoders write about 10; every scan may pass over the whole image again
_INFLATE_STEP_BYTES = 16_384  # deflate grows at most 1032-fold, so that a step yields at most 17 MB

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BITS_OF_COLOUR = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples a pixel, by colour type
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_DECODED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

_JPEG_HUFFMAN = (0xC0, 0xC1, 0xC2)
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_FILL = re.compile(rb"\xff+")

_u16 = Struct(">H").unpack_from
_u32 = Struct(">I").unpack_from
_ihdr = Struct(">IIBBBBB").unpack_from
_sof = Struct(">BHHB").unpack_from
_u32_little = Struct("<I").unpack_from


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a server accepts. The defaults are the contract's: 20 MiB, 50 megapixels, 65,535 pixels a side."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 65_535

    def check(self, width: int, height: int) -> None:
        """Refuse a size in pixels.

        Raises:
            InvalidInput: an empty image, too many pixels, or a side that is too long.
        """
        if width < 1 or height < 1:
            raise refusal(f"is {width}x{height} pixels; each side must have at least 1")
        if width * height > self.max_pixels:
            megapixels, most = width * height / 1e6, self.max_pixels / 1e6
            raise refusal(f"is {width}x{height} pixels, {megapixels:.1f} megapixels; at most {most:g} are accepted")
        if max(width, height) > self.max_side:
            raise refusal(f"is {width}x{height} pixels; a side may have at most {self.max_side}")


@dataclass(slots=True)
class ImageFile:
    """A complete file of an accepted format and size.

    Attributes:
        kind: "JPEG", "PNG" or "WebP".
        width: stored width in pixels, before the orientation is applied.
        height: stored height in pixels.
        orientation: EXIF orientation, 1..8; 1 where there is none.
        components: of a JPEG: 1 (grey), 3 (colour) or 4 (CMYK or YCCK); 0 for others.
        parts: of a PNG or WebP: the bytes that its decoder needs; of a PNG, one whole chunk each after the signature.
        transparent_grey: of a grey PNG: the sample value that is fully transparent.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    components: int = 0
    parts: list[memoryview] = field(default_factory=list)
    transparent_grey: int | None = None


def refusal(sentence: str) -> InvalidInput:
    """The error for an image that can never be decoded; the sentence goes on after the word "image"."""
    return InvalidInput(f"image {sentence}", field="image")


def inspect(data: bytes, limits: ImageLimits) -> ImageFile:
    """Read the structure of an encoded image, in time bounded by its segments, not by its pixels.

    Raises:
        InvalidInput: empty, too large, another format, animated, truncated, damaged, or needing too much work.
    """
    if not data:
        raise refusal("is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise refusal(f"has {len(data)} bytes; at most {limits.max_bytes} are accepted")
    if data.startswith(b"\xff\xd8\xff"):
        return _inspect_jpeg(data, limits)
    if data.startswith(_PNG_SIGNATURE):
        return _inspect_png(data, limits)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _inspect_webp(data, limits)
    raise refusal(f"is {_foreign_name(data)}; JPEG, PNG and WebP are accepted")


def _foreign_name(data: bytes) -> str:
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "a GIF"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "a TIFF"
    if data.startswith(b"BM"):
        return "a BMP"
    if data[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    return f"{len(data)} bytes of no known image format"


def _inspect_jpeg(data: bytes, limits: ImageLimits) -> ImageFile:
    image: ImageFile | None = None
    progressive, orientation = False, 1
    for marker, body in _jpeg_segments(data):
        if marker in _JPEG_FRAMES:
            if marker not in _JPEG_HUFFMAN:
                raise refusal(f"is a JPEG of process SOF{marker - 0xC0}; baseline and progressive are accepted")
            if image is not None or len(body) < 6:
                raise refusal("is a damaged JPEG: it has two frame headers or a short one")
            image, progressive = _jpeg_frame(body, limits), marker == 0xC2
        elif marker == 0xE1 and bytes(body[:6]) == b"Exif\0\0" and orientation == 1:
            orientation = exif_orientation(bytes(body[6:]))
    if image is None:
        raise refusal("is a damaged JPEG: its scan comes before its frame header")
    # Counted to the file's end, and so at worst too many: a comment between two scans could fake an end.
    if progressive and (scans := data.count(b"\xff\xda")) > _MAX_SCANS:
        raise refusal(f"is a progressive JPEG of {scans} scans; at most {_MAX_SCANS} are accepted")
    image.orientation = orientation
    return image


def _jpeg_frame(body: memoryview, limits: ImageLimits) -> ImageFile:
    bits, height, width, components = _sof(body)
    limits.check(width, height)
    if bits != 8 or components not in (1, 3, 4):
        raise refusal(f"is a JPEG of {components} components of {bits} bits; 1, 3 or 4 of 8 bits are accepted")
    return ImageFile("JPEG", width, height, components=components)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Marker and payload of every segment before the first scan's data. That the data is whole, the decoder tells."""
    view, at = memoryview(data), 2
    for _ in range(_MAX_SEGMENTS):
        fill = _JPEG_FILL.match(data, at)
        at = fill.end() if fill else at
        if at + 3 > len(data):
            raise refusal(f"is a truncated JPEG: its {len(data)} bytes end before the first scan")
        marker, length = data[at], _u16(data, at + 1)[0]
        if fill is None or marker in (0x00, 0x01, 0xD8, 0xD9) or 0xD0 <= marker <= 0xD7 or length < 2:
            raise refusal(f"is a damaged JPEG: no segment starts at byte {at}")
        if at + 1 + length > len(data):
            raise refusal(f"is a truncated JPEG: the segment at byte {at} needs {length} bytes")
        yield marker, view[at + 3 : at + 1 + length]
        if marker == 0xDA:
            return
        at += 1 + length
    raise refusal(f"is a JPEG of more than {_MAX_SEGMENTS} segments")


def _inspect_png(data: bytes, limits: ImageLimits) -> ImageFile:
    if data[8:16] != b"\0\0\0\x0dIHDR" or len(data) < 33:
        raise refusal(f"is a damaged PNG: its {len(data)} bytes do not start with a header")
    width, height, depth, colour, *_, interlace = _ihdr(data, 16)
    limits.check(width, height)
    if depth not in _PNG_DEPTHS.get(colour, ()) or interlace > 1:
        raise refusal(f"is a damaged PNG: colour type {colour}, bit depth {depth}, interlace {interlace}")
    image = ImageFile("PNG", width, height, parts=[memoryview(data)[:8]])
    for name, chunk in _png_chunks(data):
        if name == b"acTL":
            raise refusal("is an animated PNG; only still images are accepted")
        if name in _PNG_DECODED:
            image.parts.append(chunk)
        elif not name[0] & 0x20:
            raise refusal(f"is a damaged PNG: unknown critical chunk {name!r}")
        if name == b"eXIf":
            image.orientation = exif_orientation(bytes(chunk[8:-4]))
        if name == b"tRNS" and colour == 0 and len(chunk) == 14:
            image.transparent_grey = _u16(chunk, 8)[0] * (255 // (2**depth - 1) if depth < 8 else 1)
    _check_png_pixels(image, _png_raw_size(width, height, depth * _PNG_BITS_OF_COLOUR[colour], interlace))
    return image


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), len(_PNG_SIGNATURE)
    for _ in range(_MAX_SEGMENTS):
        if at + 12 > len(data):
            raise refusal(f"is a truncated PNG: its {len(data)} bytes end before its IEND chunk")
        length, name = _u32(data, at)[0], data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise refusal(
                f"is a truncated PNG: the chunk at byte {at} needs {length} bytes; {len(data) - at - 8} follow"
            )
        yield name, view[at:end]
        if name == b"IEND":
            return
        at = end
    raise refusal(f"is a PNG of more than {_MAX_SEGMENTS} chunks")


def _png_raw_size(width: int, height: int, bits: int, interlace: int) -> int:
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes)
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def _check_png_pixels(image: ImageFile, expected: int) -> None:
    # Inflates once and keeps nothing, for about half of what decoding costs: libpng itself would inflate whatever
    # follows the last row (20 MiB can hold 20 GB, or 22 s), and cannot say how much is missing.
    stream, left = zlib.decompressobj(), expected
    try:
        for piece in _png_pixel_data(image):
            left -= len(stream.decompress(piece, left + 1))
            if left < 0 or stream.eof:
                break
    except zlib.error as error:
        raise refusal(f"is a damaged PNG: {error}") from None
    if left < 0:
        raise refusal(f"is a damaged PNG: its pixels take more than the {expected} bytes that its header says")
    if left > 0 or not stream.eof:
        raise refusal(f"is a truncated PNG: {expected - left} of {expected} bytes of pixels are there")


def _png_pixel_data(image: ImageFile) -> Iterator[memoryview]:
    for chunk in image.parts:
        if bytes(chunk[4:8]) == b"IDAT":
            for start in range(8, len(chunk) - 4, _INFLATE_STEP_BYTES):
                yield chunk[start : min(start + _INFLATE_STEP_BYTES, len(chunk) - 4)]


def _inspect_webp(data: bytes, limits: ImageLimits) -> ImageFile:
    image: ImageFile | None = None
    orientation, canvas = 1, None
    for name, body in _webp_chunks(data):
        if name in (b"ANIM", b"ANMF") or (name == b"VP8X" and len(body) == 10 and body[0] & 0x02):
            raise refusal("is an animated WebP; only still images are accepted")
        if name == b"VP8X" and len(body) == 10:
            canvas = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
            limits.check(*canvas)
        elif name in (b"VP8 ", b"VP8L") and image is None:
            image = ImageFile("WebP", *_webp_size(name, body), parts=[memoryview(data)])
            limits.check(image.width, image.height)
        elif name == b"EXIF":
            orientation = exif_orientation(bytes(body).removeprefix(b"Exif\0\0"))
    if image is None or canvas not in (None, (image.width, image.height)):
        raise refusal("is a damaged WebP: its picture is missing or has another size than its canvas")
    image.orientation = orientation
    return image


def _webp_size(name: bytes, body: memoryview) -> tuple[int, int]:
    if name == b"VP8 " and bytes(body[3:6]) == b"\x9d\x01\x2a" and len(body) >= 10:
        sides = _u32_little(body, 6)[0]
        return sides & 0x3FFF, sides >> 16 & 0x3FFF
    if name == b"VP8L" and bytes(body[:1]) == b"\x2f" and len(body) >= 5:
        sides = _u32_little(body, 1)[0]
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    raise refusal("is a damaged WebP: its picture has no header")


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    end = 8 + _u32_little(data, 4)[0]
    if end > len(data):
        raise refusal(f"is a truncated WebP: its header says {end} bytes; {len(data)} are there")
    view, at = memoryview(data), 12
    for _ in range(_MAX_SEGMENTS):
        if at + 8 > end:
            return
        length = _u32_little(data, at + 4)[0]
        if at + 8 + length > end:
            raise refusal(f"is a truncated WebP: the chunk at byte {at} needs {length} bytes; {end - at - 8} follow")
        yield data[at : at + 4], view[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)
    raise refusal(f"is a WebP of more than {_MAX_SEGMENTS} chunks")


def exif_orientation(exif: bytes) -> int:
    """The orientation 1..8 in a TIFF structure's first directory; 1 where it is missing or makes no sense."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    directory = Struct(f"{order}4xI").unpack_from(exif)[0]
    count = Struct(f"{order}H").unpack_from(exif, directory)[0] if directory + 2 <= len(exif) else 0
    entry = Struct(f"{order}HHIH")
    for at in range(directory + 2, min(directory + 2 + 12 * count, len(exif) - 9), 12):
        tag, kind, _, value = entry.unpack_from(exif, at)
        if tag == 0x0112 and kind == 3:
            return value if 1 <= value <= 8 else 1
    return 1
