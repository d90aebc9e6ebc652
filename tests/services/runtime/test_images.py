"""Every file of the zoo gives its exact pixels or its sentence, whole or reduced."""

import cv2
import numpy as np
import pytest
from PIL import Image

from services.runtime.errors import InvalidInput
from services.runtime.images import ImageLimits, PixelOrder, decode, encode_jpeg, encode_png, from_raw
from tests.imagezoo.accepted import accepted, reference
from tests.imagezoo.forge import encoded, exif, jpeg_segment, progressive_jpeg
from tests.imagezoo.refused import refused
from tests.imagezoo.zoo import ZooImage, picture

LIMITS = ImageLimits()


@pytest.mark.parametrize("file", accepted(), ids=str)
def test_an_accepted_file_gives_its_exact_pixels(file: ZooImage) -> None:
    image = decode(file.data, LIMITS)
    assert file.pixels is not None
    np.testing.assert_array_equal(image.pixels, file.pixels)
    assert image.pixels.dtype == np.uint8
    assert (image.height, image.width, 3) == file.pixels.shape
    assert image.scale == 1.0


@pytest.mark.parametrize("file", refused(), ids=str)
def test_a_refused_file_names_the_field_and_the_reason(file: ZooImage) -> None:
    with pytest.raises(InvalidInput, match=file.refusal) as refusal:
        decode(file.data, LIMITS)
    assert refusal.value.field == "image"
    assert str(refusal.value).startswith("image ")


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411"])
@pytest.mark.parametrize("longest_side", [1000, 999, 501, 500, 499, 376, 250, 200, 125, 124, 40, 1])
def test_a_reduced_jpeg_has_exactly_the_longest_side(subsampling: str, longest_side: int) -> None:
    pixels = picture(1000, 700)
    chroma = dict(zip(("444", "422", "420", "440", "411"), ((1, 1), (2, 1), (2, 2), (1, 2), (4, 1)), strict=True))
    parameters = [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        chroma[subsampling][0] << 20 | chroma[subsampling][1] << 16 | 0x1111,
    ]
    data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), parameters)[1].tobytes()
    image = decode(data, LIMITS, longest_side=longest_side)
    assert image.pixels.shape == (max(1, round(700 * longest_side / 1000)), longest_side, 3)
    assert (image.width, image.height, image.scale) == (1000, 700, longest_side / 1000)
    wanted = cv2.resize(pixels, image.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(image.pixels.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_reduction_go_together(kind: str, orientation: int) -> None:
    tiff = exif(orientation) if kind != "JPEG" else b"Exif\0\0" + exif(orientation)
    data = encoded(Image.fromarray(picture(400, 200)), kind, exif=tiff)
    image = decode(data, LIMITS, longest_side=100)
    sides = (100, 50) if orientation < 5 else (50, 100)
    assert image.pixels.shape == (*sides[::-1], 3)
    assert (image.width, image.height, image.scale) == (4 * sides[0], 4 * sides[1], 0.25)
    wanted = cv2.resize(reference(data), sides, interpolation=cv2.INTER_AREA)
    assert np.abs(image.pixels.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("longest_side", [45, 46, 90, 4000])
def test_an_image_is_never_enlarged(kind: str, longest_side: int) -> None:
    data = encoded(Image.fromarray(picture()), kind)
    image = decode(data, LIMITS, longest_side=longest_side)
    np.testing.assert_array_equal(image.pixels, reference(data))
    assert image.scale == 1.0


def test_a_thin_image_keeps_at_least_one_pixel() -> None:
    image = decode(encode_png(picture(5000, 2)), LIMITS, longest_side=10)
    assert image.pixels.shape == (1, 10, 3)


def test_a_progressive_jpeg_of_many_scans_is_accepted_up_to_the_bound() -> None:
    assert decode(progressive_jpeg(64, 64, 100), LIMITS).pixels.shape == (64, 64, 3)
    with pytest.raises(InvalidInput, match="is a progressive JPEG of 101 scans; at most 100 are accepted"):
        decode(progressive_jpeg(64, 64, 101), LIMITS)


def test_a_thumbnail_inside_a_jpeg_is_not_taken_for_the_picture() -> None:
    thumbnail = encoded(Image.fromarray(picture(9, 9)), "JPEG")
    whole = encoded(Image.fromarray(picture()), "JPEG")
    data = whole[:2] + jpeg_segment(0xE2, thumbnail) + whole[2:]
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, reference(whole))


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (ImageLimits(max_pixels=1000), "is 45x29 pixels, 0.0 megapixels; at most 0.001 are accepted"),
        (ImageLimits(max_side=44), "is 45x29 pixels; a side may have at most 44"),
        (ImageLimits(max_bytes=100), r"bytes; at most 100 are accepted"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_limits_are_settings(limits: ImageLimits, sentence: str, kind: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        decode(encoded(Image.fromarray(picture()), kind, quality=100), limits)


@pytest.mark.parametrize(
    ("order", "stored"),
    [
        ("RGB8", picture()),
        ("BGR8", picture()[..., ::-1]),
        ("GRAY8", picture()[..., 1]),
    ],
)
def test_raw_pixels_keep_their_values(
    order: PixelOrder, stored: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    image = from_raw(stored.tobytes(), 45, 29, order, LIMITS)
    wanted = picture() if order != "GRAY8" else np.repeat(picture()[..., 1:2], 3, axis=2)
    np.testing.assert_array_equal(image.pixels, wanted)
    assert (image.width, image.height, image.scale) == (45, 29, 1.0)
    assert from_raw(stored.tobytes(), 45, 29, order, LIMITS, longest_side=9).pixels.shape == (6, 9, 3)


def test_raw_pixels_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidInput, match="has 10 bytes of raw pixels; 2x2 pixels of RGB8 need 12") as refusal:
        from_raw(bytes(10), 2, 2, "RGB8", LIMITS)
    assert refusal.value.field == "image"
    with pytest.raises(InvalidInput, match="is 0x2 pixels; each side must have at least 1"):
        from_raw(b"", 0, 2, "GRAY8", LIMITS)
    with pytest.raises(InvalidInput, match="is 50000x50000 pixels, 2500.0 megapixels; at most 50 are accepted"):
        from_raw(b"", 50_000, 50_000, "RGB8", LIMITS)


def test_what_is_encoded_decodes_again() -> None:
    pixels = picture(64, 48)
    np.testing.assert_array_equal(decode(encode_png(pixels), LIMITS).pixels, pixels)
    lossy = decode(encode_jpeg(pixels[:, ::-1], 95), LIMITS).pixels
    assert np.abs(lossy.astype(int) - pixels[:, ::-1]).mean() < 3
    assert len(encode_jpeg(pixels, 10)) < len(encode_jpeg(pixels, 95))
