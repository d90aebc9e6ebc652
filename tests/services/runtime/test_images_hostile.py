"""Forged and damaged files cost little, and give pixels or a refusal, never anything else."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.runtime.errors import InvalidInput
from services.runtime.image_files import exif_orientation
from services.runtime.images import ImageLimits, decode
from tests.acceptance.bombs import MOST_GROWTH_MIB, MOST_SECONDS, measure
from tests.imagezoo.accepted import accepted
from tests.imagezoo.bombs import bombs
from tests.imagezoo.forge import encoded, exif, png_chunk, png_of
from tests.imagezoo.zoo import ZooImage, picture

LIMITS = ImageLimits()
BOMBS = bombs()

SMALL = [
    encoded(Image.fromarray(picture()), "JPEG", exif=b"Exif\0\0" + exif(6)),
    encoded(Image.fromarray(picture()), "JPEG", progressive=True),
    encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG"),
    encoded(Image.fromarray(picture()).convert("P"), "PNG", transparency=3),
    encoded(Image.fromarray(picture()), "PNG", exif=exif(8)),
    png_of(np.arange(900).reshape(15, 15, 4) * 72, 16, 6, interlaced=True),
    png_of(np.arange(30).reshape(5, 6, 1) % 4, 2, 0, png_chunk(b"tRNS", b"\0\1")),
    encoded(Image.fromarray(picture()), "WEBP", exif=exif(3)),
    encoded(Image.fromarray(picture()).convert("RGBA"), "WEBP", lossless=True),
]


@pytest.mark.parametrize("bomb", BOMBS, ids=str)
def test_a_forged_image_is_refused_from_its_header(bomb: ZooImage) -> None:
    (result,) = measure(lambda data: decode(data, LIMITS), [bomb])
    assert result.refused
    assert result.seconds <= 10 * MOST_SECONDS
    assert result.growth_mib <= MOST_GROWTH_MIB


def test_there_are_twenty_forged_images() -> None:
    assert len(BOMBS) == 20


def test_the_measurement_sees_growth_that_is_gone_when_the_call_returns() -> None:
    (result,) = measure(lambda _: np.ones(100 << 20, np.uint8).sum(), BOMBS[:1])
    assert result.growth_mib > 90
    assert not result.refused


@pytest.mark.parametrize("file", [file for file in accepted() if "bomb" in file.name], ids=str)
def test_compressed_text_and_profiles_are_never_inflated(file: ZooImage) -> None:
    (result,) = measure(lambda data: decode(data, LIMITS), [file])
    assert result.growth_mib < 16


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_gives_pixels_or_a_refusal(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(SMALL)))
    for _ in range(data.draw(st.integers(0, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(file)), st.integers(0, len(file)))))
    kept = data.draw(st.sampled_from([bytes(file), bytes(file[:end]), bytes(file[:start] + file[end:])]))
    longest_side = data.draw(st.sampled_from([0, 16]))
    with suppress(InvalidInput):
        image = decode(kept, ImageLimits(max_pixels=1_000_000), longest_side=longest_side)
        assert image.pixels.dtype == np.uint8
        assert image.pixels.flags.c_contiguous
        upright = (image.height, image.width)
        assert image.pixels.shape[2:] == (3,)
        assert max(image.pixels.shape[:2]) == (min(16, max(upright)) if longest_side else max(upright))


@given(file=st.sampled_from(SMALL), share=st.floats(0, 1, exclude_max=True))
@settings(deadline=None)
def test_a_cut_file_is_always_refused(file: bytes, share: float) -> None:
    with pytest.raises(InvalidInput):
        decode(file[: int(len(file) * share)], LIMITS)


@given(st.binary(max_size=200))
def test_any_bytes_as_exif_give_an_orientation(data: bytes) -> None:
    assert 1 <= exif_orientation(data) <= 8
    assert 1 <= exif_orientation(b"MM\0*\0\0\0\x08" + data) <= 8
