"""Makes the contract's `Image` of whatever a Python program holds a picture in.

Files are sent as they are: the server decides what they may be, and turns them upright.
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from imago.v1 import image_pb2

ImageInput = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8] | image_pb2.Image

RAW_FORMATS = {"RGB": image_pb2.PIXEL_FORMAT_RGB8, "L": image_pb2.PIXEL_FORMAT_GRAY8}
PILLOW_MODES = {
    image_pb2.PIXEL_FORMAT_RGB8: ("RGB", "RGB"),
    image_pb2.PIXEL_FORMAT_BGR8: ("RGB", "BGR"),
    image_pb2.PIXEL_FORMAT_GRAY8: ("L", "L"),
}
"""Mode of the picture and order of its bytes."""


def to_image(source: ImageInput) -> image_pb2.Image:
    """The picture as it goes over the wire.

    Args:
        source: A path or the bytes of a JPEG, PNG or WebP file; a Pillow image; or an array, uint8, of shape
            (height, width, 3) in the order RGB (not OpenCV's BGR) or (height, width) in grey.

    Raises:
        OSError: The file cannot be read.
        ValueError: The array or the Pillow image cannot be sent; the message names its type and shape.
    """
    if isinstance(source, image_pb2.Image):
        return source
    if isinstance(source, bytes):
        return image_pb2.Image(encoded=source)
    if isinstance(source, Image.Image):
        return _from_pillow(ImageOps.exif_transpose(source))
    if isinstance(source, np.ndarray):
        return _from_array(source)
    return image_pb2.Image(encoded=Path(source).read_bytes())


def to_pillow(image: image_pb2.Image) -> Image.Image:
    """A picture that came over the wire, opened: RGB, or L where it is grey.

    Raises:
        OSError: Nothing is in it, or nothing that Pillow can open.
        ValueError: Its raw pixels have no format, or are not as many as its size says.
    """
    if image.WhichOneof("source") != "raw":
        with Image.open(io.BytesIO(image.encoded)) as opened:
            return opened.convert("L" if opened.mode == "L" else "RGB")
    raw = image.raw
    if raw.format not in PILLOW_MODES:
        raise ValueError(f"Raw pixels of format {raw.format} cannot be opened.")
    mode, order = PILLOW_MODES[raw.format]
    return Image.frombytes(mode, (raw.width, raw.height), raw.data, "raw", order)


def _from_pillow(image: Image.Image) -> image_pb2.Image:
    if image.mode in RAW_FORMATS:
        return _raw(image.size, RAW_FORMATS[image.mode], image.tobytes())
    file = io.BytesIO()  # so that alpha, palettes and 16 bits are converted by the server, as in a file
    try:
        image.save(file, format="PNG", compress_level=1)
    except OSError as error:
        raise ValueError(f"A Pillow image of mode {image.mode} cannot be sent: convert it to RGB first.") from error
    return image_pb2.Image(encoded=file.getvalue())


def _from_array(pixels: npt.NDArray[Any]) -> image_pb2.Image:
    grey, colour = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (grey or colour) or pixels.size == 0:
        raise ValueError(
            f"An array of {pixels.dtype} and shape {pixels.shape} is no image: it must be uint8 and (height, width, 3) "
            "in RGB or (height, width) in grey."
        )
    height, width = pixels.shape[:2]
    return _raw((width, height), RAW_FORMATS["L" if grey else "RGB"], pixels.tobytes())


def _raw(size: tuple[int, int], pixel_format: image_pb2.PixelFormat.ValueType, data: bytes) -> image_pb2.Image:
    return image_pb2.Image(raw=image_pb2.RawImage(width=size[0], height=size[1], format=pixel_format, data=data))
