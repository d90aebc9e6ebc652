"""Whatever holds a picture reaches the wire with the same pixels."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from imago.images import to_image
from imago.v1 import image_pb2

ORIENTATION = 0x0112


def test_a_file_is_sent_as_it_is(photo: Path) -> None:
    assert to_image(photo).encoded == to_image(str(photo)).encoded == photo.read_bytes()


def test_bytes_are_sent_as_they_are() -> None:
    assert to_image(b"any bytes").encoded == b"any bytes"


def test_a_message_is_sent_as_it_is() -> None:
    message = image_pb2.Image(encoded=b"any bytes")
    assert to_image(message) is message


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        to_image(tmp_path / "missing.jpg")


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5)) | st.just((2, 3, 3))))
def test_an_array_arrives_pixel_by_pixel(pixels: npt.NDArray[np.uint8]) -> None:
    raw = to_image(pixels).raw
    assert (raw.height, raw.width) == pixels.shape[:2]
    colour = pixels.ndim == 3
    assert raw.format == (image_pb2.PIXEL_FORMAT_RGB8 if colour else image_pb2.PIXEL_FORMAT_GRAY8)
    np.testing.assert_array_equal(np.frombuffer(raw.data, np.uint8).reshape(pixels.shape), pixels)


def test_a_view_of_an_array_arrives_row_by_row() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert to_image(pixels[:, ::-1]).raw.data == np.ascontiguousarray(pixels[:, ::-1]).tobytes()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["floats", "four channels", "a row", "empty"],
)
def test_an_array_that_is_no_image_is_named_with_type_and_shape(
    pixels: npt.NDArray[np.uint8],
) -> None:
    with pytest.raises(ValueError, match="An array of .* and shape .* is no image"):
        to_image(pixels)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_pillow_image_is_sent_as_pixels(mode: str) -> None:
    image = Image.effect_noise((5, 4), 60).convert(mode)
    raw = to_image(image).raw
    assert (raw.width, raw.height, raw.data) == (5, 4, image.tobytes())


def test_a_pillow_image_is_turned_upright(photo: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.jpg"
    with Image.open(photo) as image:
        exif = image.getexif()
        exif[ORIENTATION] = 6
        image.save(turned, exif=exif)
    with Image.open(turned) as image:
        raw = to_image(image).raw
    assert (raw.width, raw.height) == (48, 64)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16"])
def test_other_pillow_images_are_sent_without_loss(mode: str) -> None:
    image = Image.new(mode, (3, 2))
    with Image.open(io.BytesIO(to_image(image).encoded)) as sent:
        assert sent.format == "PNG"
        assert sent.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


@pytest.mark.parametrize("mode", ["CMYK", "F"])
def test_a_pillow_image_that_no_file_of_ours_holds_is_refused_with_its_mode(mode: str) -> None:
    with pytest.raises(ValueError, match=f"mode {mode} cannot be sent"):
        to_image(Image.new(mode, (3, 2)))
