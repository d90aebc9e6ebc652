"""Files of few bytes that cost a careless server its memory or its time."""

import struct
import zlib
from collections.abc import Iterator

from tests.imagezoo.forge import (
    jpeg_header,
    jpeg_scan,
    jpeg_segment,
    png_chunk,
    png_file,
    png_header,
    progressive_jpeg,
    webp_canvas,
    webp_chunk,
    webp_file,
)
from tests.imagezoo.zoo import ZooImage

MANY_FRAMES = 10_000


def bombs() -> list[ZooImage]:
    """Twenty files, each with words of the refusal that is due."""
    return [*_png_bombs(), *_jpeg_bombs(), *_webp_bombs(), *_gif_bombs()]


def _png_bombs() -> Iterator[ZooImage]:
    some = zlib.compress(bytes(10_000_000), 9)
    for width, height, depth, colour in (
        (50_000, 50_000, 1, 0),
        (50_000, 50_000, 16, 6),
        (2**31 - 1, 2**31 - 1, 8, 2),
        (12_000, 12_000, 8, 3),
    ):
        megapixels = f"{width}x{height} pixels, {width * height / 1e6:.1f} megapixels; at most 50 are accepted"
        yield ZooImage(
            f"PNG of {width}x{height}, {depth} bits",
            png_file(png_header(width, height, depth, colour), some),
            refusal=megapixels,
        )
    header = png_header(10, 10, 8, 2)
    flood = zlib.compressobj(9)
    overlong = b"".join(flood.compress(bytes(1 << 20)) for _ in range(100)) + flood.flush()
    yield ZooImage("PNG of 10x10 with 100 MB of rows", png_file(header, overlong), refusal="its pixels take more than")
    yield ZooImage(
        "PNG of 1,000,000 chunks", header + png_chunk(b"prIv", b"") * 1_000_000, refusal="more than 20000 chunks"
    )
    frame = png_chunk(b"fcTL", bytes(26)) + png_chunk(b"fdAT", bytes(40))
    animation = png_chunk(b"acTL", struct.pack(">II", MANY_FRAMES, 0)) + frame * MANY_FRAMES
    yield ZooImage("APNG of 10,000 frames", png_file(header, some, animation), refusal="is an animated PNG")


def _jpeg_bombs() -> Iterator[ZooImage]:
    scan = jpeg_scan((1, 2, 3), (0, 63), bytes(1000)) + b"\xff\xd9"
    for name, components, marker in (("baseline", 3, 0xC0), ("progressive", 3, 0xC2), ("CMYK", 4, 0xC0)):
        data = jpeg_header(65_500, 65_500, components, marker) + scan
        yield ZooImage(f"{name} JPEG of 65500x65500", data, refusal="65500x65500 pixels, 4290.2 megapixels")
    yield ZooImage(
        "progressive JPEG of 1000 scans", progressive_jpeg(7000, 7000, 1000), refusal="of 1000 scans; at most 100"
    )
    flood = b"\xff\xd8" + jpeg_segment(0xFE, b"") * 5_000_000
    yield ZooImage("JPEG of 5,000,000 segments", flood, refusal="more than 20000 segments")


def _webp_bombs() -> Iterator[ZooImage]:
    lossy = b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383) + bytes(100)
    lossless = b"\x2f" + struct.pack("<I", 16_383 | 16_383 << 14) + bytes(100)
    frame = webp_chunk(b"ANMF", bytes(16) + webp_chunk(b"VP8 ", lossy))
    yield ZooImage(
        "lossy WebP of 16383x16383", webp_file((webp_chunk(b"VP8 ", lossy),)), refusal="16383x16383 pixels, 268.4"
    )
    yield ZooImage(
        "lossless WebP of 16384x16384", webp_file((webp_chunk(b"VP8L", lossless),)), refusal="16384x16384 pixels, 268.4"
    )
    canvas = webp_file((webp_canvas(1 << 24, 255), webp_chunk(b"VP8 ", lossy)))
    yield ZooImage("WebP with a canvas of 16777216x255", canvas, refusal="16777216x255 pixels, 4278.2 megapixels")
    animated = webp_file((webp_canvas(4000, 4000, 2), webp_chunk(b"ANIM", bytes(6)), frame * MANY_FRAMES))
    yield ZooImage("WebP of 10,000 frames", animated, refusal="is an animated WebP")
    hidden = webp_file((webp_chunk(b"prIv", b"") * 1_000_000,))
    yield ZooImage("WebP of 1,000,000 chunks", hidden, refusal="more than 20000 chunks")


def _gif_bombs() -> Iterator[ZooImage]:
    frame = b"\x21\xf9\x04\0\0\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1000, 1000, 0) + b"\x02\x02\x44\x01\0"
    animated = b"GIF89a" + struct.pack("<HHBBB", 1000, 1000, 0, 0, 0) + frame * MANY_FRAMES + b";"
    yield ZooImage("GIF of 10,000 frames", animated, refusal="is a GIF")
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x0112, 3, 1, 6, 8)
    yield ZooImage("TIFF whose directory follows itself", loop, refusal="is a TIFF")
    cells = b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0)
    yield ZooImage("BMP of 50000x50000", cells, refusal="is a BMP")
