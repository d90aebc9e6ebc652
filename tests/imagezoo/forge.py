"""Writes image files by hand, chunk by chunk, so that they can say what no encoder would."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def exif(orientation: int) -> bytes:
    """A TIFF structure of one entry, the orientation."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int, depth: int, colour: int, interlace: int = 0) -> bytes:
    """The signature and IHDR."""
    body = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return PNG_SIGNATURE + png_chunk(b"IHDR", body)


def png_file(header: bytes, pixel_data: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG of compressed pixel data, with other chunks before and after it."""
    return header + before + png_chunk(b"IDAT", pixel_data) + after + png_chunk(b"IEND", b"")


def png_rows(samples: NDArray[Any], depth: int) -> bytes:
    """Unfiltered rows of samples (height x width x channels) at a bit depth of 1, 2, 4, 8 or 16."""
    height = samples.shape[0]
    if depth == 16:
        rows = samples.reshape(height, -1).astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(samples.reshape(height, -1, 1).astype(np.uint8), axis=2)[:, :, 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def png_of(samples: NDArray[Any], depth: int, colour: int, before: bytes = b"", *, interlaced: bool = False) -> bytes:
    """A whole PNG of samples (height x width x channels)."""
    height, width = samples.shape[:2]
    parts = (samples[y::dy, x::dx] for x, y, dx, dy in ADAM7) if interlaced else (samples,)
    rows = b"".join(png_rows(part, depth) for part in parts if part.size)
    return png_file(png_header(width, height, depth, colour, int(interlaced)), zlib.compress(rows), before)


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_frame(width: int, height: int, components: int = 3, marker: int = 0xC0, bits: int = 8) -> bytes:
    """The SOF segment."""
    sampled = b"".join(bytes((number + 1, 0x11, 0)) for number in range(components))
    return jpeg_segment(marker, struct.pack(">BHHB", bits, height, width, components) + sampled)


def jpeg_header(width: int, height: int, components: int = 3, marker: int = 0xC0) -> bytes:
    """SOI, a quantisation table, the frame, and Huffman tables whose 1-bit code 0 means 0 (DC) and EOB14 (AC)."""
    tables = jpeg_segment(0xDB, b"\0" + b"\1" * 64)
    one_code = b"\1" + bytes(15)
    huffman = jpeg_segment(0xC4, b"\x00" + one_code + b"\0") + jpeg_segment(0xC4, b"\x10" + one_code + b"\xe0")
    return b"\xff\xd8" + tables + jpeg_frame(width, height, components, marker) + huffman


def jpeg_scan(components: Sequence[int], spectral: tuple[int, int], data: bytes) -> bytes:
    """An SOS segment and its entropy-coded data."""
    selected = b"".join(bytes((number, 0)) for number in components)
    return jpeg_segment(0xDA, bytes((len(components),)) + selected + bytes((*spectral, 0))) + data


def progressive_jpeg(width: int, height: int, scans: int) -> bytes:
    """A complete grey progressive JPEG of a few bytes a scan: every AC scan is one long end-of-band run."""
    blocks = -(-width // 8) * -(-height // 8)
    bits = "0" * blocks
    dc = int((bits + "1" * (-len(bits) % 8)), 2).to_bytes(-(-len(bits) // 8), "big")
    runs = ("0" + "0" * 14) * max(1, blocks >> 14)
    ac = int((runs + "1" * (-len(runs) % 8)), 2).to_bytes(-(-len(runs) // 8), "big")
    body = jpeg_scan((1,), (0, 0), dc) + jpeg_scan((1,), (1, 63), ac) * (scans - 1)
    return jpeg_header(width, height, 1, 0xC2) + body + b"\xff\xd9"


def webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def webp_file(chunks: Iterable[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_canvas(width: int, height: int, flags: int = 0) -> bytes:
    """A VP8X chunk; flag 0x02 says animated, 0x08 EXIF, 0x10 alpha."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """What Pillow's encoder makes of a picture."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
