"""Training and serving see the same square."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import geometry
from training.letterbox import Letterbox

SIDES = st.integers(1, 90)


@given(SIDES, SIDES, st.integers(8, 80), st.integers(0, 2**32 - 1))
def test_pixels_and_boxes_are_those_of_the_serving_side(width: int, height: int, size: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    boxes = np.array(((0.0, 0.0, width, height), (0.25 * width, 0.5 * height, 0.75 * width, height)))
    served, place = geometry.letterbox(image, size, size)
    trained = Letterbox.of(width, height, size)
    np.testing.assert_array_equal(trained.pixels(image), served)
    # float32 has 24 bits, positions need at most 7 before the point
    np.testing.assert_allclose(trained.boxes(boxes), place.to_letterbox(boxes), atol=1e-5)


def test_a_wide_image_lies_between_two_grey_bars() -> None:
    boxed = Letterbox.of(8, 4, 8).pixels(np.zeros((4, 8, 3), np.uint8))
    assert boxed[:, 0, 0].tolist() == [114, 114, 0, 0, 0, 0, 114, 114]
