"""A finished run says what it cost, beside what the paper reports."""

from pathlib import Path

from training.curves import Record
from training.recipe import load_recipe
from training.run import Run
from training.summary import Outcome, log_line, read_summary, write_summary


def test_the_summary_has_the_best_and_the_last_epoch_and_becomes_one_row(tmp_path: Path) -> None:
    records: list[Record] = [
        {"epoch": 1, "step": 10, "loss/total": 2.0, "learning_rate": 0.1, "images_per_second": 9.0, "mAP50": 0.75},
        {"epoch": 2, "step": 20, "loss/total": 1.0, "learning_rate": 0.1, "images_per_second": 9.0, "mAP50": None},
    ]
    outcome = Outcome(
        device="A | B",
        precision="bf16",
        processes=2,
        seconds=61.26,
        images_per_second=12.345,
        peak_memory={"resident_bytes": 2**30, "cuda_bytes": 2**31},
        metric="mAP50",
        best_epoch=1,
        records=records,
        facts={"parameters": 7},
    )
    run = Run(load_recipe("mask-fasterrcnn"), tmp_path)
    summary = write_summary(run, outcome)
    assert read_summary(tmp_path) == summary
    assert summary["best"] == {"epoch": 1, "mAP50": 0.75}
    assert summary["final"] == {"epoch": 2, "mAP50": None}
    assert (summary["wall_clock_s"], summary["images_per_s"], summary["parameters"]) == (61.3, 12.35, 7)
    assert summary["paper"] == {"frames per second, CPU": "below 2"}
    row = log_line(summary)
    assert row == (
        f"| {summary['finished'][:10]} | mask-fasterrcnn | masks | A / B x 2, bf16 | 2 epochs, 1 min 1 s, "
        "12.3 images/s, 1.0 GiB resident, 2.0 GiB cuda | epoch 1: mAP50 0.750 | frames per second, CPU below 2 |"
    )
