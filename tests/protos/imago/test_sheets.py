"""Tables of detections that spreadsheets and programs read."""

import csv
from pathlib import Path

import pytest

from imago.sheets import COLUMNS, Sheet
from imago.v1.image_pb2 import Box, Detection

FOUND = Detection(box=Box(x_min=1.256, y_min=2, x_max=30, y_max=40), label='a "hat", red', score=0.98754, track_id=3)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_frame_has_its_index_its_time_and_its_tracks(tmp_path: Path) -> None:
    with Sheet(tmp_path / "deep" / "found.csv") as sheet:
        sheet.add(Path("clip.webm"), [FOUND], frame=0, time_us=1_234_567)
    assert rows(tmp_path / "deep" / "found.csv") == [
        list(COLUMNS),
        ["clip.webm", "0", "1.235", "3", 'a "hat", red', "0.9875", "1.26", "2.00", "30.00", "40.00"],
    ]


def test_a_picture_has_neither(tmp_path: Path) -> None:
    with Sheet(tmp_path / "found.csv") as sheet:
        sheet.add(Path("a.jpg"), [Detection(label="face")])
    assert rows(tmp_path / "found.csv")[1][:5] == ["a.jpg", "", "", "", "face"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Sheet(tmp_path)
