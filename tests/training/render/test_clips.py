from itertools import pairwise

import numpy as np
import pytest

from training.data.annotations import LabelledBox
from training.render.clips import Frame, crossing, mask_removed

SIZE = (160, 90)


def overlap(a: LabelledBox, b: LabelledBox) -> float:
    """Area of the intersection in square pixels."""
    width = min(a.edges[2], b.edges[2]) - max(a.edges[0], b.edges[0])
    height = min(a.edges[3], b.edges[3]) - max(a.edges[1], b.edges[1])
    return max(0.0, width) * max(0.0, height)


@pytest.fixture(scope="module")
def crossed() -> list[Frame]:
    return list(crossing(3, width=SIZE[0], height=SIZE[1]))


def test_two_people_cross_and_overlap_on_the_way(crossed: list[Frame]) -> None:
    first, last = dict(crossed[0][1]), dict(crossed[-1][1])
    assert first[0].edges[0] < first[1].edges[0]
    assert last[0].edges[0] > last[1].edges[0]
    both = [dict(boxes) for _, boxes in crossed if len(boxes) == 2]
    assert any(overlap(boxes[0], boxes[1]) > 0 for boxes in both)


def test_everyone_moves_a_little_from_frame_to_frame(crossed: list[Frame]) -> None:
    for (_, before), (_, after) in pairwise(crossed):
        for number, box in dict(after).items():
            if number in dict(before):
                moved = np.abs(np.subtract(box.edges, dict(before)[number].edges)).max()
                assert moved < 0.03 * SIZE[0]


def test_the_background_stays_and_the_same_clip_comes_twice(crossed: list[Frame]) -> None:
    pixels = [frame for frame, _ in crossed]
    corner = np.stack([frame[:8, :20].astype(float) for frame in pixels])
    # What changes in an empty corner is the sensor's noise: 0.012 of 255 at most.
    assert corner.std(axis=0).mean() < 4
    again = next(iter(crossing(3, width=SIZE[0], height=SIZE[1])))
    assert (again[0] == pixels[0]).all()
    assert again[1] == crossed[0][1]


def test_person_one_takes_the_mask_off_at_frame_40_and_puts_it_on_again() -> None:
    clip = list(mask_removed(5, worn_again=70, size=SIZE))
    assert len(clip) == 90
    for frame, (_, boxes) in enumerate(clip):
        labels = {number: box.label for number, box in boxes}
        bare = 40 <= frame < 70
        assert labels == {0: "with_mask", 1: "without_mask" if bare else "with_mask", 2: "with_mask"}


def test_a_mask_that_stays_off_stays_off() -> None:
    *_, (_, boxes) = mask_removed(5, size=SIZE, removed=2, frames=6)
    assert dict(boxes)[1].label == "without_mask"
