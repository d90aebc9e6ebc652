import subprocess
import sys
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.render.scenes import render_scene

Scenes = list[tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]]
LABELS = {"without_mask", "with_mask", "mask_weared_incorrect"}


def digest(seed: int) -> str:
    pixels, boxes = render_scene(seed, 200, 160)
    return sha256(pixels.tobytes() + repr(boxes).encode()).hexdigest()


def test_a_scene_has_the_asked_size_and_plain_pixels() -> None:
    pixels, _ = render_scene(1, 200, 160)
    assert pixels.shape == (160, 200, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("seed", [1, 7])
def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(seed: int) -> None:
    first = digest(seed)
    digest(seed + 1)
    np.random.random(5)  # nothing may depend on the global state
    assert digest(seed) == first


def test_another_process_gives_the_same_bytes() -> None:
    script = (
        "from hashlib import sha256; from training.render.scenes import render_scene;"
        "pixels, boxes = render_scene(7, 200, 160);"
        "print(sha256(pixels.tobytes() + repr(boxes).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(7)


def test_different_seeds_give_different_scenes() -> None:
    assert len({digest(seed) for seed in range(6)}) == 6


@pytest.fixture(scope="module")
def many() -> Scenes:
    return [render_scene(seed, 192, 144) for seed in range(160)]


def test_boxes_lie_inside_the_picture_and_have_known_labels(many: Scenes) -> None:
    for pixels, boxes in many:
        height, width = pixels.shape[:2]
        for box in boxes:
            x_min, y_min, x_max, y_max = box.edges
            assert 0 <= x_min < x_max <= width
            assert 0 <= y_min < y_max <= height
            assert box.label in LABELS


def test_labels_come_about_two_two_one(many: Scenes) -> None:
    counts = Counter(box.label for _, boxes in many for box in boxes)
    shares = {label: count / counts.total() for label, count in counts.items()}
    # About 400 faces: three standard deviations of a share are 0.075, and small faces are never badly masked.
    assert shares["without_mask"] == pytest.approx(0.42, abs=0.08)
    assert shares["with_mask"] == pytest.approx(0.42, abs=0.08)
    assert shares["mask_weared_incorrect"] == pytest.approx(0.16, abs=0.07)


def test_about_one_picture_in_ten_is_empty(many: Scenes) -> None:
    # Three standard deviations of 160 draws at 0.1 are 0.071; faces that the edge hides add a few.
    assert 0.03 <= sum(not boxes for _, boxes in many) / len(many) <= 0.2


def test_some_hidden_faces_are_marked_difficult(many: Scenes) -> None:
    difficult = sum(box.difficult for _, boxes in many for box in boxes)
    assert 0 < difficult < 0.15 * sum(len(boxes) for _, boxes in many)


def test_badly_worn_masks_are_large_enough_to_be_seen(many: Scenes) -> None:
    for _, boxes in many:
        for box in boxes:
            whole = box.edges[1] > 0 and box.edges[3] < 144 and not box.difficult
            if box.label == "mask_weared_incorrect" and whole:
                assert box.edges[3] - box.edges[1] > 25
