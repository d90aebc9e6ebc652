import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.data.rendered import render_folder
from training.render.construction import render_construction
from training.render.hats import HELMETS
from training.render.tubes import Camera3, Relief, side_view
from training.render.worker import random_worker
from training.render.workers import Part, worker_tubes

Scenes = list[tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]]
SIZE = (160, 128)


def digest(seed: int) -> str:
    pixels, boxes = render_construction(seed, 64, 56)
    return sha256(pixels.tobytes() + repr(boxes).encode()).hexdigest()


@pytest.fixture(scope="module")
def many() -> Scenes:
    return [render_construction(seed, *SIZE) for seed in range(40)]


@pytest.mark.parametrize("size", [(64, 64), (200, 90)])
def test_a_scene_has_the_asked_size_whether_it_is_painted_finer_or_not(size: tuple[int, int]) -> None:
    pixels, boxes = render_construction(1, *size)
    assert pixels.shape == (size[1], size[0], 3)
    assert pixels.dtype == np.uint8
    assert boxes


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    first = digest(7)
    digest(8)
    np.random.random(5)  # nothing may depend on the global state
    assert digest(7) == first


def test_another_process_gives_the_same_bytes() -> None:
    script = (
        "from hashlib import sha256; from training.render.construction import render_construction;"
        "pixels, boxes = render_construction(7, 64, 56);"
        "print(sha256(pixels.tobytes() + repr(boxes).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(7)


def test_no_two_seeds_look_alike(many: Scenes) -> None:
    assert len({sha256(pixels.tobytes()).hexdigest() for pixels, _ in many}) == len(many)


def test_boxes_lie_inside_the_picture_and_have_known_labels(many: Scenes) -> None:
    for _, boxes in many:
        for box in boxes:
            x_min, y_min, x_max, y_max = box.edges
            assert 0 <= x_min < x_max <= SIZE[0]
            assert 0 <= y_min < y_max <= SIZE[1]
            assert box.label in {"helmet", "head", "person"}


def test_helmets_and_heads_lie_within_a_person(many: Scenes) -> None:
    for _, boxes in many:
        people = [box.edges for box in boxes if box.label == "person"]
        for box in boxes:
            if box.label != "person" and not box.difficult:
                left, top, right, bottom = box.edges
                assert any(a <= left and b <= top and right <= c and bottom <= d for a, b, c, d in people)


def test_most_people_wear_hard_hats_and_all_colours_occur(many: Scenes) -> None:
    counts = Counter(box.label for _, boxes in many for box in boxes)
    # Some 80 heads at a share of 0.72: three standard deviations are 0.15.
    assert counts["helmet"] / (counts["helmet"] + counts["head"]) == pytest.approx(0.72, abs=0.15)
    colours = {
        tuple(worker.helmet.tolist())
        for seed in range(60)
        if (worker := random_worker(np.random.default_rng(seed), helmet=True)).helmet is not None
    }
    assert len(colours) == len(HELMETS) == 5


def test_there_is_somebody_in_nearly_every_picture_and_a_crowd_in_some(many: Scenes) -> None:
    people = [sum(box.label == "person" for box in boxes) for _, boxes in many]
    assert np.mean([count > 0 for count in people]) > 0.95
    assert max(people) >= 5


def test_a_helmets_box_is_filled_with_the_hats_colour(many: Scenes) -> None:
    fits = []
    for pixels, boxes in many:
        hue = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 0].astype(int)
        for box in boxes:
            left, top, right, bottom = (round(edge) for edge in box.edges)
            if box.label == "helmet" and not box.difficult and bottom - top >= 9:
                inside = hue[top:bottom, left:right]
                middle = np.median(inside[: (bottom - top) * 2 // 3, (right - left) // 4 : 3 * (right - left) // 4])
                away = np.abs((inside - middle + 90) % 180 - 90)
                fits.append((away < 14).mean())
    assert len(fits) > 15
    # A dome and a brim leave the corners of their box to the background; white hats have no hue of their own.
    assert np.median(fits) > 0.5


def test_the_box_of_a_helmet_is_what_is_painted_as_one() -> None:
    worker = random_worker(np.random.default_rng(4), helmet=True)
    relief = Relief(Camera3(300, 200, 260, (100, 290), side_view(np.pi / 2, 0)))
    for tube in worker_tubes(worker, detail=True):
        relief.paint(tube)
    helmet, face = relief.role == Part.HELMET, relief.role == Part.FACE
    assert helmet.any()
    assert face.any()
    rows = [np.nonzero(mask.any(axis=1))[0] for mask in (helmet, face)]
    assert rows[0].min() < rows[1].min(), "the hat is above the face"
    assert rows[0].max() < rows[1].max(), "and leaves it free"


def test_a_set_can_be_written_as_pascal_voc(tmp_path: Path) -> None:
    images = render_folder("construction", (96, 80), range(3, 6), tmp_path)
    assert [image.width for image in images] == [96] * 3
    assert {box.label for image in images for box in image.boxes} <= {"helmet", "head", "person"}
