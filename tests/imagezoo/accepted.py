"""Files that a server must decode, with their exact pixels.

Those come from arithmetic on the samples, or from Pillow where a codec is lossy; never from the runtime.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.imagezoo.forge import (
    encoded,
    exif,
    png_chunk,
    png_file,
    png_header,
    png_of,
    png_rows,
    webp_canvas,
    webp_chunk,
    webp_file,
)
from tests.imagezoo.zoo import HEIGHT, WIDTH, ZooImage, picture


def accepted() -> list[ZooImage]:
    """Files that decode, with their exact pixels."""
    return [
        *_orientations(),
        *_jpegs(),
        *_indexed_and_grey_pngs(),
        *_deep_and_transparent_pngs(),
        *_burdened_pngs(),
        *_webps(),
    ]


def reference(data: bytes) -> NDArray[np.uint8]:
    """Pillow's upright RGB pixels."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def over_white(samples: NDArray[Any], top: int) -> NDArray[np.uint8]:
    """Colour and alpha samples (height x width x 4, 0..top) over white, as 8 bits rounded to the nearest."""
    alpha = samples[..., 3:].astype(np.float64) / top
    return np.rint(255 * (1 - alpha * (1 - samples[..., :3].astype(np.float64) / top))).astype(np.uint8)


def _orientations() -> Iterator[ZooImage]:
    still = Image.fromarray(picture())
    for orientation in range(1, 9):
        tiff = exif(orientation)
        for kind, data in (
            ("JPEG", encoded(still, "JPEG", exif=b"Exif\0\0" + tiff)),
            ("PNG", encoded(still, "PNG", exif=tiff)),
            ("WebP", encoded(still, "WEBP", lossless=True, exif=tiff)),
        ):
            yield ZooImage(f"{kind} with EXIF orientation {orientation}", data, reference(data))
    little = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    data = encoded(still, "JPEG", exif=b"Exif\0\0" + little)
    yield ZooImage("JPEG with little-endian EXIF", data, reference(data))
    data = encoded(still, "JPEG", exif=b"Exif\0\0" + exif(9))
    yield ZooImage("JPEG with EXIF orientation 9", data, reference(encoded(still, "JPEG")))


def _jpegs() -> Iterator[ZooImage]:
    still = Image.fromarray(picture())
    cmyk = encoded(still.convert("CMYK"), "JPEG", quality=95, icc_profile=bytes(3000))
    adobe = cmyk.index(b"Adobe")
    ycck = cmyk[: adobe + 11] + b"\2" + cmyk[adobe + 12 :]
    files = {
        "baseline JPEG": encoded(still, "JPEG"),
        "progressive JPEG": encoded(still, "JPEG", progressive=True),
        "JPEG without chroma subsampling": encoded(still, "JPEG", subsampling="4:4:4"),
        "JPEG 4:1:1 with restart markers": encoded(still, "JPEG", subsampling="4:1:1", restart_marker_blocks=1),
        "grey JPEG": encoded(still.convert("L"), "JPEG"),
        "JPEG that stores RGB": encoded(still, "JPEG", keep_rgb=True),
        "JPEG of a phone, two pictures in one file": encoded(
            still, "MPO", save_all=True, append_images=[still.transpose(Image.Transpose.ROTATE_180)]
        ),
        "JPEG with a trailer": encoded(still, "JPEG") + b"trailer",
        "CMYK JPEG with a profile": cmyk,
        "YCCK JPEG": ycck,
        "JPEG of one pixel": encoded(still.crop((0, 0, 1, 1)), "JPEG"),
        "JPEG of 1x10000": encoded(still.resize((1, 10_000)), "JPEG"),
    }
    yield from (ZooImage(name, data, reference(data)) for name, data in files.items())


def _indexed_and_grey_pngs() -> Iterator[ZooImage]:
    for depth in (1, 2, 4, 8):
        top = 2**depth - 1
        samples = np.random.default_rng(depth).integers(0, top + 1, (HEIGHT, WIDTH, 1))
        palette = np.random.default_rng(9).integers(0, 256, (top + 1, 4))
        palette[:, 3][top // 2 + 1 :] = 255
        colours = png_chunk(b"PLTE", palette[:, :3].astype(np.uint8).tobytes())
        alphas = png_chunk(b"tRNS", palette[: top // 2 + 1, 3].astype(np.uint8).tobytes())
        opaque, seen = palette[samples[..., 0], :3].astype(np.uint8), over_white(palette[samples[..., 0]], 255)
        grey = np.repeat(samples * (255 // top), 3, axis=2).astype(np.uint8)
        yield ZooImage(f"{depth}-bit palette PNG", png_of(samples, depth, 3, colours), opaque)
        yield ZooImage(f"{depth}-bit palette PNG with tRNS", png_of(samples, depth, 3, colours + alphas), seen)
        yield ZooImage(f"interlaced {depth}-bit PNG", png_of(samples, depth, 3, colours, interlaced=True), opaque)
        yield ZooImage(f"{depth}-bit grey PNG", png_of(samples, depth, 0), grey)
        keyed = png_of(samples, depth, 0, png_chunk(b"tRNS", struct.pack(">H", int(samples[0, 0, 0]))))
        white = np.where(samples == samples[0, 0], np.uint8(255), grey)
        yield ZooImage(f"{depth}-bit grey PNG with tRNS", keyed, white)


def _deep_and_transparent_pngs() -> Iterator[ZooImage]:
    for depth, top in ((8, 255), (16, 65_535)):
        samples = np.random.default_rng(depth).integers(0, top + 1, (HEIGHT, WIDTH, 4))
        samples[0, :4, 3] = (0, 1, top - 1, top)
        grey = samples[..., [0, 0, 0, 3]]
        solid = np.dstack((samples[..., :3], np.full((HEIGHT, WIDTH), top)))
        keyed = solid.copy()
        keyed[3, 5, 3] = 0
        key = png_chunk(b"tRNS", samples[3, 5, :3].astype(">u2").tobytes())
        grey_keyed = np.where(
            samples[..., :1] == samples[3, 5, 0], np.uint8(255), over_white(solid[..., [0, 0, 0, 3]], top)
        )
        grey_key = png_chunk(b"tRNS", samples[3, 5, :1].astype(">u2").tobytes())
        yield ZooImage(f"{depth}-bit RGB PNG", png_of(samples[..., :3], depth, 2), over_white(solid, top))
        yield ZooImage(
            f"{depth}-bit RGB PNG with tRNS", png_of(samples[..., :3], depth, 2, key), over_white(keyed, top)
        )
        yield ZooImage(f"{depth}-bit RGBA PNG", png_of(samples, depth, 6), over_white(samples, top))
        yield ZooImage(f"{depth}-bit grey and alpha PNG", png_of(samples[..., [0, 3]], depth, 4), over_white(grey, top))
        deep = png_of(samples[..., :1], depth, 0, grey_key)
        yield ZooImage(f"{depth}-bit grey PNG with a random tRNS", deep, grey_keyed)
    every = np.arange(65_536).reshape(256, 256, 1)
    scaled = np.repeat(np.rint(every / 257).astype(np.uint8), 3, axis=2)
    yield ZooImage("16-bit grey PNG of every value", png_of(every, 16, 0), scaled)


def _burdened_pngs() -> Iterator[ZooImage]:
    pixels = picture()
    text = png_chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(100_000_000)))
    profile = png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(100_000_000)))
    gamma = png_chunk(b"gAMA", struct.pack(">I", 22_222)) + png_chunk(b"sBIT", b"\3\3\3")
    yield ZooImage("PNG with a zTXt bomb", png_of(pixels, 8, 2, text), pixels)
    yield ZooImage("PNG with an iCCP bomb", png_of(pixels, 8, 2, profile), pixels)
    yield ZooImage("PNG with a 9 MB private chunk", png_of(pixels, 8, 2, png_chunk(b"prIv", bytes(9_000_000))), pixels)
    yield ZooImage("PNG with 2000 texts", png_of(pixels, 8, 2, png_chunk(b"tEXt", b"key\0value") * 2000), pixels)
    yield ZooImage("PNG with gamma and significant bits", png_of(pixels, 8, 2, gamma), pixels)
    yield ZooImage("PNG with a trailer", png_of(pixels, 8, 2) + b"trailer", pixels)
    late = png_file(
        png_header(WIDTH, HEIGHT, 8, 2), zlib.compress(png_rows(pixels, 8)), after=png_chunk(b"eXIf", exif(3))
    )
    yield ZooImage("PNG with EXIF after its pixels", late, np.ascontiguousarray(pixels[::-1, ::-1]))


def _webps() -> Iterator[ZooImage]:
    pixels = picture()
    rgba = np.dstack((pixels, np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)))
    lossy, lossy_alpha = encoded(Image.fromarray(pixels), "WEBP"), encoded(Image.fromarray(rgba), "WEBP")
    with Image.open(BytesIO(lossy_alpha)) as image:
        yield ZooImage("lossy WebP with alpha", lossy_alpha, over_white(np.asarray(image), 255))
    yield ZooImage("lossy WebP", lossy, reference(lossy))
    yield ZooImage("lossless WebP", encoded(Image.fromarray(pixels), "WEBP", lossless=True), pixels)
    exact = encoded(Image.fromarray(rgba), "WEBP", lossless=True, exact=True)
    yield ZooImage("lossless WebP with alpha", exact, over_white(rgba, 255))
    prefixed = webp_file((webp_canvas(WIDTH, HEIGHT, 8), lossy[12:], webp_chunk(b"EXIF", b"Exif\0\0" + exif(6))))
    yield ZooImage("WebP whose EXIF has JPEG's prefix", prefixed, np.ascontiguousarray(np.rot90(reference(lossy), -1)))
