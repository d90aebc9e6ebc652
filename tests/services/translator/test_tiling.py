"""Tiles cover an image, count together as one, and leave no seams."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.translator.tiling import Grid, Mosaic, axis_weights, plan_grid
from tests.services.translator.pictures import Pixels, picture

MULTIPLE = 8
sides = st.integers(1, 60).map(lambda units: MULTIPLE * units)
tiles = st.integers(2, 12).map(lambda units: MULTIPLE * units)


def assembled(grid: Grid, pixels: Pixels, height: int, width: int, most: int = 3) -> Pixels:
    mosaic = Mosaic(grid, height, width)
    for numbers in grid.pieces(most):
        mosaic.add(grid.cut(pixels, numbers))
    return mosaic.pixels


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, tile=tiles, share=st.floats(0, 0.85), crop=st.tuples(*[st.integers(0, 7)] * 2))
def test_what_is_cut_and_not_changed_comes_back_to_the_bit(
    height: int, width: int, tile: int, share: float, crop: tuple[int, int]
) -> None:
    overlap = min(int(share * tile), tile - MULTIPLE)
    grid = plan_grid(height, width, tile=tile, overlap=overlap, multiple=MULTIPLE)
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = assembled(grid, pixels, height - crop[0], width - crop[1])
    np.testing.assert_array_equal(whole, pixels[: height - crop[0], : width - crop[1]])


@settings(max_examples=60, deadline=None)
@given(length=sides, tile=tiles, share=st.floats(0, 0.85))
def test_tiles_share_what_they_should_and_start_where_a_network_can(length: int, tile: int, share: float) -> None:
    overlap = min(int(share * tile), tile - MULTIPLE)
    grid = plan_grid(length, length, tile=tile, overlap=overlap, multiple=MULTIPLE)
    starts = np.array(grid.tops)
    assert starts[0] == 0
    assert starts[-1] + grid.tile_height == length
    assert not (starts % MULTIPLE).any()
    assert (starts[:-1] + grid.tile_height - starts[1:] >= overlap).all()
    weights, total = axis_weights(grid.tops, grid.tile_height, overlap), np.zeros(length)
    for start, weight in zip(starts, weights, strict=True):
        assert (weight >= 0).all()
        total[start : start + grid.tile_height] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)  # sums of float32 shares


def test_a_photograph_of_twelve_megapixels_takes_as_few_tiles_as_can_be() -> None:
    grid = plan_grid(3008, 4000, tile=256, overlap=64, multiple=32)
    assert (len(grid.tops), len(grid.lefts)) == (16, 21)
    assert max(np.diff(grid.lefts)) <= 192


def test_memory_is_that_of_the_answer_and_of_rows_of_tiles() -> None:
    grid = plan_grid(3008, 4000, tile=256, overlap=64, multiple=32)
    photo = np.full((3008, 4000, 3), 77, np.uint8)
    tracemalloc.start()
    try:
        answer = assembled(grid, photo, 3000, 4000, most=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    row = 256 * 4000 * 3 * 4
    # A row of tiles, and what the one before it has added to the same pixels; the tiles themselves are small.
    assert peak <= answer.nbytes + 2 * row + 4 * 2**20


def test_an_image_within_a_tile_is_one() -> None:
    grid = plan_grid(64, 96, tile=256, overlap=64, multiple=32)
    assert (len(grid), grid.tile_height, grid.tile_width) == (1, 64, 96)


@pytest.mark.parametrize("overlap", [16, 32])
def test_no_seam_is_seen_where_tiles_disagree(overlap: int) -> None:
    """Each tile comes out brighter or darker as a whole, and black at its rim, as a network's own padding makes it."""
    height, width, tile = 192, 320, 64
    grid = plan_grid(height, width, tile=tile, overlap=overlap, multiple=8)
    photo = picture(width, height)
    mosaic = Mosaic(grid, height, width)
    rim = overlap // 8
    for numbers in grid.pieces(1):
        changed = grid.cut(photo + np.uint8(6 if numbers[0] % 2 else 250), numbers)  # 250 is -6; nothing overflows
        inner = np.zeros_like(changed)
        inner[:, rim:-rim, rim:-rim] = changed[:, rim:-rim, rim:-rim]
        mosaic.add(inner)
    middle = mosaic.pixels[tile:-tile, tile:-tile].astype(int)
    jumps = np.abs(np.diff(middle, axis=1)).max(axis=(0, 2))
    seams = {left + offset - tile for left in grid.lefts for offset in (-1, 0, rim - 1, rim, tile - 1, tile)}
    across = [jumps[x] for x in seams if 0 <= x < len(jumps)]
    # The bar of the service: gradients across seams are at most 1.2 times those inside.
    assert max(across) <= 1.2 * np.abs(np.diff(photo.astype(int), axis=1)).max()
