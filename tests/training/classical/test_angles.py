from pathlib import Path

import pytest

from training.classical.angles import Pose, draw_recalls, measure, measure_all, overlap, write_recalls


def test_a_face_seen_from_the_front_is_found_and_one_that_is_turned_far_is_not() -> None:
    """Of 12 people; measured: all from the front, none at 60 degrees. The margin is for one or two of them."""
    front = measure(Pose("roll", 0), 12, 1).share
    assert front >= 0.85
    assert max(measure(Pose("roll", 60), 12, 1).share, measure(Pose("yaw", 60), 12, 1).share) <= 0.5 * front


def test_curves_are_the_same_by_any_number_of_processes_and_become_a_table_and_a_picture(tmp_path: Path) -> None:
    poses = [Pose("roll", 0), Pose("yaw", 30)]
    alone = list(measure_all(poses, 2, 7, workers=1))
    assert list(measure_all(poses, 2, 7, workers=2)) == alone
    write_recalls(alone, tmp_path / "hog.csv")
    draw_recalls(alone, tmp_path / "hog.png")
    assert (tmp_path / "hog.csv").read_text().splitlines()[0] == "axis,degrees,mask,faces,found,recall"
    assert (tmp_path / "hog.png").read_bytes().startswith(b"\x89PNG")


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0
