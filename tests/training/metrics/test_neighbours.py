"""Copies of training images are found, and shown beside them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.metrics.colours import real_images
from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.metrics.distances import nearest, neighbour_radii, pixel_features
from training.metrics.neighbours import Space, copy_distance, memorised_share, write_neighbours


def points(count: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=(count, 6))


def test_new_points_are_memorised_as_seldom_as_real_ones() -> None:
    share = memorised_share(Space(points(1000, 0), points(500, 1), points(1000, 2)))
    assert share < 0.03  # 0.01 by the rule; with 1000 points on each side its deviation is 0.0045


def test_a_memorised_set_is_caught_though_it_is_not_quite_equal() -> None:
    train = points(500, 1)
    copies = train[:200] + np.random.default_rng(3).normal(size=(200, 6)) * 1e-3
    space = Space(np.concatenate([copies, points(200, 4)]), train, points(300, 2))
    assert memorised_share(space) == pytest.approx(0.5, abs=0.03)
    assert copy_distance(space) > 0.1


def test_nearest_are_sorted_and_radii_leave_out_the_point_itself() -> None:
    line = np.array([[0.0], [1.0], [3.0]])
    apart, numbers = nearest(np.array([[2.2]]), line, k=2)
    assert apart.tolist() == [[pytest.approx(0.8), pytest.approx(1.2)]]
    assert numbers.tolist() == [[2, 1]]
    assert neighbour_radii(line, 1).tolist() == [1, 1, 2]


def test_large_images_are_compared_small() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 128, 3), np.uint8)
    images = ClassifiedImages(pixels, np.zeros(2, np.int64), ("noise",), ["a", "b"])
    assert pixel_features(images).shape == (2, 16 * 32 * 3)
    assert pixel_features(real_images(2)).max() <= 1


def test_the_sheet_has_a_row_for_each_image_and_shows_a_copy_beside_it(tmp_path: Path) -> None:
    train = real_images(30)
    made = train.take(np.array([4, 9]))
    space = Space(pixel_features(made), pixel_features(train), pixel_features(train))
    write_neighbours(made, train, (space, space), 5, tmp_path / "sheets" / "neighbours.png")
    page = cv2.imread(str(tmp_path / "sheets" / "neighbours.png"))
    assert page is not None
    cell = 64 + 6
    assert page.shape[1] == 7 * cell + 6
    assert np.array_equal(page[6:70, 6:70], page[6:70, 6 + cell : 70 + cell])
    with pytest.raises(TrainingError, match="not 0 and 30"):
        write_neighbours(made.take(np.array([], np.int64)), train, (space, space), 5, tmp_path / "none.png")
