"""Varied images keep their boxes on their objects."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.augment import Augmentation, Sample, cut, mirrored, mosaic, window
from training.recipe import Augment

PLAIN = Augment(flip=0, zoom=(1, 1), shift=0, brightness=0, contrast=0, saturation=0)


def black_square(size: int, x: int, y: int, side: int) -> Sample:
    pixels = np.full((size, size, 3), 255, np.uint8)
    pixels[y : y + side, x : x + side] = 0
    return Sample(pixels, np.array(((x, y, x + side, y + side),), np.float32), np.array((1,), np.int64))


def extent(sample: Sample) -> tuple[float, float, float, float]:
    """Where the pixels are darker than half way between black and white or grey."""
    rows, columns = np.nonzero(sample.pixels[..., 0] < 57)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_an_augmentation_that_changes_nothing_changes_nothing() -> None:
    sample = black_square(40, 10, 12, 9)
    varied = Augmentation(PLAIN, 40)(sample)
    np.testing.assert_array_equal(varied.pixels, sample.pixels)
    np.testing.assert_array_equal(varied.boxes, sample.boxes)


@given(
    st.floats(0.6, 1.5),
    st.floats(-8, 8),
    st.floats(-8, 8),
    st.integers(20, 30),
    st.integers(20, 30),
    st.integers(9, 14),
)
def test_a_box_goes_where_its_pixels_go(scale: float, right: float, down: float, x: int, y: int, side: int) -> None:
    seen = window(black_square(64, x, y, side), 64, scale, (right, down))
    # pixels are whole: an edge within a pixel is drawn in a shade on one side of the middle or the other
    np.testing.assert_allclose(seen.boxes[0], extent(seen), atol=1.0)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 10))
def test_mirroring_twice_gives_the_image_back(x: int, y: int, side: int) -> None:
    sample = black_square(40, x, y, side)
    once = mirrored(sample)
    assert extent(once) == tuple(once.boxes[0])
    np.testing.assert_array_equal(mirrored(once).boxes, sample.boxes)
    np.testing.assert_array_equal(mirrored(once).pixels, sample.pixels)


def test_what_is_cut_off_to_less_than_a_quarter_is_no_example_any_more() -> None:
    boxes = np.array(((-6, 0, 2, 8), (-5, 0, 3, 8), (-90, -90, -80, -80), (10, 10, 11, 30)), np.float32)
    inside, visible = cut(boxes, 100, 100)
    assert visible.tolist() == [True, True, False, False]
    assert inside[0].tolist() == [0, 0, 2, 8]
    assert cut(np.array(((-7, 0, 2, 8),), np.float32), 100, 100)[1].tolist() == [False]


def test_an_image_without_boxes_stays_without() -> None:
    empty = Sample(np.zeros((32, 48, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    varied = Augmentation(Augment(mosaic=1), 32)(mosaic((empty, empty, empty, empty)))
    assert varied.boxes.shape == (0, 4)
    assert varied.pixels.shape == (32, 32, 3)


def test_a_mosaic_shows_four_images_with_all_their_boxes() -> None:
    samples = tuple(black_square(20, place, 2 * place, 5) for place in (1, 2, 3, 4))
    one, two, three, four = samples
    whole = mosaic((one, two, three, four))
    assert whole.pixels.shape == (40, 40, 3)
    for x_min, y_min, x_max, y_max in whole.boxes.astype(int):
        assert not whole.pixels[y_min:y_max, x_min:x_max].any()
    assert whole.boxes[3].tolist() == [24, 28, 29, 33]


def test_the_seed_decides_everything() -> None:
    sample, varied = black_square(48, 12, 12, 20), []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        varied.append(Augmentation(Augment(hue=0.1), 48)(sample))
    np.testing.assert_array_equal(varied[0].pixels, varied[1].pixels)
    np.testing.assert_array_equal(varied[0].boxes, varied[1].boxes)
    assert (varied[0].pixels != varied[2].pixels).any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_mosaics_are_as_frequent_as_the_recipe_says(share: float) -> None:
    augmentation = Augmentation(Augment(mosaic=share), 32)
    assert {augmentation.wants_mosaic for _ in range(20)} == {bool(share)}
