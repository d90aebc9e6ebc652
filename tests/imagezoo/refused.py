"""Files that must never give pixels, each with words of the sentence that says why."""

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.imagezoo.forge import (
    encoded,
    jpeg_frame,
    jpeg_segment,
    png_chunk,
    png_file,
    png_header,
    png_rows,
    webp_canvas,
    webp_chunk,
    webp_file,
)
from tests.imagezoo.zoo import HEIGHT, WIDTH, ZooImage, picture


def refused() -> list[ZooImage]:
    """Files that must never give pixels, each with words of the sentence that says why."""
    return [*_foreign(), *_broken_jpegs(), *_broken_pngs(), *_broken_webps()]


def _foreign() -> Iterator[ZooImage]:
    still = Image.fromarray(picture())
    frames = [Image.fromarray(np.roll(picture(), shift, 1)) for shift in range(3)]
    yield ZooImage("zero bytes", b"", refusal=r"is empty \(0 bytes\)")
    yield ZooImage("one byte", b"\xff", refusal="no known image format")
    yield ZooImage("text", b"<html>not found</html>", refusal="no known image format")
    yield ZooImage("GIF", encoded(still, "GIF"), refusal="is a GIF; JPEG, PNG and WebP are accepted")
    yield ZooImage("animated GIF", encoded(still, "GIF", save_all=True, append_images=frames), refusal="is a GIF")
    yield ZooImage("BMP", encoded(still, "BMP"), refusal="is a BMP")
    yield ZooImage("TIFF", encoded(still, "TIFF"), refusal="is a TIFF")
    yield ZooImage("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60), refusal="no known image format")
    yield ZooImage("AVIF", b"\0\0\0\x1cftypavif" + bytes(60), refusal="AVIF")
    yield ZooImage("too many bytes", bytes(20 * 1024 * 1024 + 1), refusal="has 20971521 bytes; at most 20971520")


def _broken_jpegs() -> Iterator[ZooImage]:
    whole = encoded(Image.fromarray(picture(200, 200)), "JPEG", quality=95)
    late = encoded(Image.fromarray(picture(200, 200)), "JPEG", quality=95, progressive=True)
    for name, data in (("JPEG", whole), ("progressive JPEG", late)):
        half = len(data) // 2
        yield ZooImage(f"{name} cut in half", data[:half], refusal="truncated JPEG")
        yield ZooImage(f"{name} cut in half and closed", data[:half] + b"\xff\xd9", refusal="truncated JPEG")
        yield ZooImage(f"{name} without its end marker", data[:-2], refusal="truncated JPEG")
        yield ZooImage(f"{name} without its last byte", data[:-1], refusal="truncated JPEG")
        yield ZooImage(f"{name} with a hole", data[:half] + data[half + 90 :], refusal="damaged or truncated JPEG")
    frame = whole.index(b"\xff\xc0")
    yield ZooImage("JPEG cut in its header", whole[: frame + 5], refusal="is a truncated JPEG")
    yield ZooImage("JPEG of three bytes", b"\xff\xd8\xff", refusal="is a truncated JPEG: its 3 bytes")
    yield ZooImage("JPEG with no frame", whole[:frame] + whole[frame + 19 :], refusal="scan comes before its frame")
    yield ZooImage(
        "JPEG with two frames", whole[:frame] + jpeg_frame(8, 8) + whole[frame:], refusal="two frame headers"
    )
    for name, segment, sentence in (
        ("arithmetic JPEG", jpeg_frame(8, 8, marker=0xC9), "process SOF9"),
        ("lossless JPEG", jpeg_frame(8, 8, marker=0xC3), "process SOF3"),
        ("12-bit JPEG", jpeg_frame(8, 8, marker=0xC1, bits=12), "3 components of 12 bits"),
        ("JPEG of two components", jpeg_frame(8, 8, 2), "2 components of 8 bits"),
        ("JPEG that says its height later", jpeg_frame(8, 0), "is 8x0 pixels"),
        ("JPEG with a segment of no length", b"\xff\xe0\0\0", "no segment starts at byte"),
        ("JPEG with garbage between segments", jpeg_segment(0xFE, b"") + b"garbage", "no segment starts at byte 6"),
    ):
        yield ZooImage(name, b"\xff\xd8" + segment + whole[2:], refusal=sentence)
    comment = jpeg_segment(0xFE, b"")
    yield ZooImage("JPEG of 20001 segments", b"\xff\xd8" + comment * 20_001, refusal="more than 20000 segments")


def _broken_pngs() -> Iterator[ZooImage]:
    header, rows = png_header(WIDTH, HEIGHT, 8, 2), png_rows(picture(), 8)
    packed = zlib.compress(rows)
    whole = png_file(header, packed)
    frames = [Image.fromarray(np.roll(picture(), shift, 1)) for shift in range(3)]
    yield ZooImage("PNG cut in half", whole[: len(whole) // 2], refusal="is a truncated PNG: the chunk at byte 33")
    yield ZooImage("PNG without IEND", whole[:-12], refusal="end before its IEND chunk")
    yield ZooImage("PNG cut in its header", whole[:30], refusal="do not start with a header")
    yield ZooImage(
        "PNG of half its rows",
        png_file(header, zlib.compress(rows[: len(rows) // 2])),
        refusal="truncated PNG: 1972 of 3944 bytes",
    )
    yield ZooImage("PNG whose stream is cut", png_file(header, packed[:-4]), refusal="is a truncated PNG: 3944 of 3944")
    yield ZooImage(
        "PNG of too many rows", png_file(header, zlib.compress(rows * 2)), refusal="more than the 3944 bytes"
    )
    yield ZooImage(
        "PNG with a wrong checksum of pixels",
        png_file(header, packed[:-4] + b"oops"),
        refusal="is a damaged PNG: Error",
    )
    yield ZooImage(
        "PNG with a wrong checksum of a chunk",
        whole[:-13] + bytes((whole[-13] ^ 1,)) + whole[-12:],
        refusal="is a damaged PNG: its",
    )
    yield ZooImage("PNG with no pixels", header + png_chunk(b"IEND", b""), refusal="is a truncated PNG: 0 of 3944")
    yield ZooImage("PNG of colour type 5", png_file(png_header(8, 8, 8, 5), b""), refusal="colour type 5")
    yield ZooImage("PNG of 0x8", png_file(png_header(0, 8, 8, 2), b""), refusal="is 0x8 pixels")
    yield ZooImage(
        "PNG of 12000x12000",
        png_file(png_header(12_000, 12_000, 8, 2), b""),
        refusal="is 12000x12000 pixels, 144.0 megapixels; at most 50 are accepted",
    )
    yield ZooImage(
        "PNG of 65536x1", png_file(png_header(65_536, 1, 8, 2), b""), refusal="a side may have at most 65535"
    )
    yield ZooImage(
        "PNG with an unknown critical chunk",
        png_file(header, packed, png_chunk(b"XXXX", b"")),
        refusal="unknown critical chunk b'XXXX'",
    )
    yield ZooImage(
        "animated PNG", encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), refusal="is an animated PNG"
    )


def _broken_webps() -> Iterator[ZooImage]:
    frames = [Image.fromarray(np.roll(picture(), shift, 1)) for shift in range(3)]
    lossy = encoded(frames[0], "WEBP")
    half = webp_file((webp_chunk(b"VP8 ", lossy[20 : len(lossy) // 2]),))
    yield ZooImage("WebP cut in half", lossy[: len(lossy) // 2], refusal="is a truncated WebP: its header says")
    yield ZooImage("WebP cut in half with sizes to match", half, refusal="is a damaged WebP: its")
    yield ZooImage(
        "WebP of a chunk too long",
        webp_file((b"VP8 \xff\xff\0\0",)),
        refusal="the chunk at byte 12 needs 65535 bytes; 0 follow",
    )
    yield ZooImage("WebP without a picture", webp_file(()), refusal="its picture is missing")
    yield ZooImage(
        "WebP of another canvas", webp_file((webp_canvas(9, 9), lossy[12:])), refusal="another size than its canvas"
    )
    yield ZooImage("WebP picture of no header", webp_file((webp_chunk(b"VP8 ", b"short"),)), refusal="has no header")
    animated = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    yield ZooImage("animated WebP", animated, refusal="is an animated WebP")
    yield ZooImage(
        "WebP that hides its animation",
        webp_file((lossy[12:], webp_chunk(b"ANMF", bytes(16)))),
        refusal="is an animated WebP",
    )
