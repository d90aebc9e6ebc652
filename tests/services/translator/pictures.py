"""Pictures that tests send, and what comes back, as arrays."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imago.v1 import image_pb2

Pixels = NDArray[np.uint8]


def picture(width: int, height: int, seed: int = 0) -> Pixels:
    """Soft colours with some structure, (height, width, 3), 40..215."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(4, 30) + y / rng.uniform(4, 30) + rng.uniform(0, 6)) for _ in range(3)]
    return np.asarray(128 + 87 * np.stack(waves, axis=-1), np.uint8)


def sent(pixels: Pixels) -> image_pb2.Image:
    """The picture as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return image_pb2.Image(encoded=file.getvalue())


def received(image: Any) -> Pixels:
    """The pixels of an encoded image."""
    with Image.open(io.BytesIO(image.encoded)) as opened:
        return np.asarray(opened.convert("RGB"))
