"""Images are made to fit a network, and get their sizes back."""

import numpy as np
import pytest

from services.runtime.errors import InvalidInput, ModelFailed
from services.runtime.images import DecodedImage
from services.translator.framing import Frame, check_frame, check_least, padded, reduced, scaled
from tests.services.translator.pictures import picture


def test_an_image_is_reflected_until_its_sides_are_multiples() -> None:
    pixels = picture(30, 17)
    whole = padded(pixels, 8)
    assert whole.shape == (24, 32, 3)
    np.testing.assert_array_equal(whole[:17, :30], pixels)
    np.testing.assert_array_equal(whole[:17, 30:], pixels[:, [28, 27]])
    np.testing.assert_array_equal(whole[17:, :30], pixels[15:8:-1])
    assert padded(whole, 8) is whole


def test_sizes_are_reduced_and_restored() -> None:
    pixels = picture(301, 100)
    small = reduced(pixels, 64)
    assert small.shape == (21, 64, 3)
    assert scaled(small, 301, 100).shape == pixels.shape
    assert reduced(small, 64) is small
    assert scaled(small, 64, 21) is small
    assert reduced(picture(1000, 2), 100).shape == (1, 100, 3)


def test_an_image_that_is_too_small_is_named_with_both_sizes() -> None:
    check_least(DecodedImage(picture(16, 20), 16, 20, 1), 16, "m", "image")
    with pytest.raises(InvalidInput, match="^image is 15x20 pixels; model 'm' needs at least 16 on each side$"):
        check_least(DecodedImage(picture(15, 20), 15, 20, 1), 16, "m", "image")
    with pytest.raises(InvalidInput, match="^guide is 3000x90 pixels, reduced to 300x9; model 'm' needs at least 16"):
        check_least(DecodedImage(picture(300, 9), 3000, 90, 0.1), 16, "m", "guide")


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (Frame(32, 16, 64), "has least 16; it must be at least multiple, 32"),
        (Frame(32, 64, 100), "has tile 100; it must be a multiple of 32 and at least 64"),
        (Frame(32, 64, 32), "has tile 32; it must be a multiple of 32 and at least 64"),
        (Frame(32, 64, 64, 40), "has overlap 40; tiles of 64 must go on by 32"),
    ],
)
def test_sizes_that_contradict_each_other_are_the_models_fault(frame: Frame, sentence: str) -> None:
    with pytest.raises(ModelFailed, match=f"model 'm': imago.x {sentence}"):
        check_frame(frame, "m", "imago.x")
