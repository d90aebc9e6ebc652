"""Curves are drawn from whatever an epoch has."""

from pathlib import Path

import cv2
import pytest

from training.curves import Record, compare_curves, draw_curves, read_metrics
from training.errors import TrainingError


def test_groups_share_a_panel_and_missing_values_leave_gaps(tmp_path: Path) -> None:
    records: list[Record] = [
        {"epoch": 1, "step": 9, "loss/a": 2.0, "loss/b": 1.0, "mAP50": None, "mAP50-95": None, "rate": -0.5},
        {"epoch": 2, "step": 18, "loss/a": 1.0, "loss/b": 0.5, "mAP50": 0.5, "mAP50-95": 0.25, "rate": 0.5},
    ]
    draw_curves(records, "Title", tmp_path / "curves.png")
    one_row = cv2.imread(str(tmp_path / "curves.png"))
    draw_curves([{**record, "other": 1.0} for record in records], "Title", tmp_path / "curves.png")
    two_rows = cv2.imread(str(tmp_path / "curves.png"))
    assert one_row is not None
    assert two_rows is not None
    assert one_row.shape[1] == two_rows.shape[1]
    assert one_row.shape[0] < two_rows.shape[0]  # four panels: loss, mAP, rate, other
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_scores_of_which_none_is_known_are_drawn_too(tmp_path: Path) -> None:
    draw_curves([{"epoch": 1, "step": 1, "mAP50": None}], "Title", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_runs_stand_beside_each_other_with_one_kind_of_curve(tmp_path: Path) -> None:
    first: list[Record] = [{"epoch": 1, "step": 9, "loss/a": 2.0, "loss/b": 1.0, "rate": 1.0}]
    second: list[Record] = [{"epoch": 1, "step": 9, "loss/a": 3.0}]
    compare_curves({"first": first, "second": second}, "loss", tmp_path / "new" / "loss.png")
    assert cv2.imread(str(tmp_path / "new" / "loss.png")) is not None
    with pytest.raises(TrainingError, match="second has no curves of 'rate'; it has loss"):
        compare_curves({"first": first, "second": second}, "rate", tmp_path / "rate.png")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2\n')
    with pytest.raises(TrainingError, match=r"metrics.jsonl, line 2: is no JSON object"):
        read_metrics(tmp_path / "metrics.jsonl")
