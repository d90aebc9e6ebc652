"""Detectors are timed in turns and tabulated with everything that a figure needs to be understood."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from typer.testing import CliRunner

from training.__main__ import application
from training.checkpoint import save_weights
from training.compare import WARM_UP, Arm, Comparison, Effort, Model, Timing, measure
from training.compare_report import markdown, write_comparison
from training.detectors.registry import build_detector
from training.errors import TrainingError
from training.recipe import load_recipe

EFFORT = Effort(batches=(1, 32), rounds=3, turn_s=0.5)


class Clock:
    """Seconds that pass only when an arm is called."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def call(self, durations: Iterator[float]) -> Callable[[], object]:
        def run() -> None:
            self.now += next(durations)

        return run


def test_arms_take_turns_and_medians_are_of_single_calls_by_image() -> None:
    clock, called = Clock(), []

    def noted(name: str, seconds: float) -> Callable[[], object]:
        def run() -> None:
            called.append(name)
            clock.now += seconds

        return run

    arms = [Arm("a", "torch", "f32", 1, noted("a", 0.25)), Arm("b", "torch", "f32", 32, noted("b", 1.0))]
    fast, slow = measure(arms, EFFORT, clock=clock)
    assert called == ["a"] * WARM_UP + ["b"] * WARM_UP + ["a", "a", "b"] * 3
    assert (fast.calls, fast.p50_ms, fast.p95_ms) == (6, 250, 250)
    assert (slow.calls, slow.p50_ms) == (3, 1000 / 32)


def test_the_warm_up_is_not_in_the_figures() -> None:
    clock = Clock()
    durations = iter([9.0] * WARM_UP + [0.1] * 100)
    (timing,) = measure([Arm("a", "torch", "f32", 1, clock.call(durations))], EFFORT, clock=clock)
    assert timing.p95_ms == pytest.approx(100)


def test_a_turn_has_one_call_at_least() -> None:
    clock = Clock()
    (timing,) = measure([Arm("a", "torch", "f32", 1, clock.call(iter([5.0] * 9)))], Effort((1,), 2, 0), clock=clock)
    assert timing.calls == 2


def comparison(**scores: float) -> Comparison:
    models = [
        Model("mask-yolov5n", 320, 2_509_049, 5_100_000, two_stage=False, scores=scores),
        Model("mask-fasterrcnn", 320, 41_000_000, 83_000_000, two_stage=True, scores={}),
    ]
    timings = [
        Timing("mask-yolov5n", "torch", "f32", 1, 20, 10.0, 12.5),
        Timing("mask-yolov5n", "torch", "f32", 32, 5, 8.0, 9.0),
        Timing("mask-yolov5n", "OpenVINO", "bf16", 1, 20, 2.5, 3.0),
        Timing("mask-fasterrcnn", "torch", "f32", 1, 5, 150.0, 160.0),
    ]
    return Comparison(models, timings, EFFORT, "a processor, 2 threads", "torch 2.14.0")


@pytest.mark.parametrize(
    "said",
    [
        "| mask-yolov5n | 320 | 2.51 | 5.1 | 0.912 | - |",
        "| mask-yolov5n | torch | f32 | 1 | 10.00 | 12.50 | 100.0 | 20 |",
        "| mask-yolov5n | OpenVINO | bf16 | 1 | 2.50 | 3.00 | 400.0 | 20 |",
        "a processor, 2 threads; torch 2.14.0. All rows take turns in one run: 3 turns of 0.5 s each after a warm-up",
        "normalising and the decoding of boxes are included; opening images, letterboxing and suppression are not",
        "mask-yolov5n 15.0 times faster than mask-fasterrcnn (torch, f32).",
        "that is the time per image of a batch of 32",
        "Here the fastest is mask-yolov5n with 8.00 ms, 125 images/s (torch, f32, batch 32).",
    ],
)
def test_the_page_says(said: str) -> None:
    assert said in " ".join(markdown(comparison(mAP50=0.912)).split("\n"))  # sentences go over lines


def test_without_a_faster_rcnn_no_ratio_is_claimed() -> None:
    whole = comparison()
    alone = Comparison(whole.models[:1], whole.timings[:3], EFFORT, "", "")
    assert 'Faster R-CNN in a CPU only environment": no Faster R-CNN was compared.' in markdown(alone)


@pytest.mark.parametrize("scores", [{}, {"mAP50": 0.9, "mAP50-95": 0.7}])
def test_table_and_picture_are_written(tmp_path: Path, scores: dict[str, float]) -> None:
    write_comparison(comparison(**scores), tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert sorted(file.name for file in folder.iterdir()) == ["comparison.csv", "comparison.md", "comparison.png"]
    picture = cv2.imread(str(folder / "comparison.png"))
    assert picture is not None
    assert picture.shape[1] == (1100 if scores else 700)
    rows = read_csv(folder / "comparison.csv")
    assert [float(row["p50_ms_per_image"]) for row in rows] == [10.0, 8.0, 2.5, 150.0]
    assert rows[0]["mAP50"] == str(scores.get("mAP50", ""))


def read_csv(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def compare(*arguments: object) -> str:
    result = CliRunner().invoke(application(), ["compare", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def write_run(folder: Path) -> Path:
    """A finished run of the compact detector, for 64 pixels."""
    recipe = load_recipe("mask-compact", smoke=True, changes={"model.size": "64"})
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    save_weights(build_detector(recipe.model, recipe.data.classes), folder / "best.safetensors")
    summary: dict[str, Any] = {"best": {"epoch": 1, "mAP50": 0.5, "mAP50-95": 0.25, "AP50/with_mask": None}}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_a_run_and_an_untrained_network_are_compared(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        said = compare(
            write_run(tmp_path / "run"),
            "--untrained",
            "mask-compact",
            "--into",
            tmp_path / "out",
            "--smoke",
            "--threads",
            1,
        )
    finally:
        torch.set_num_threads(threads)
    rows = read_csv(tmp_path / "out" / "comparison.csv")
    assert {row["model"]: row["mAP50"] for row in rows} == {"mask-compact": "0.5", "mask-compact (untrained)": ""}
    assert {row["engine"] for row in rows} >= {"torch", "onnxruntime", "OpenVINO"}
    assert {row["batch"] for row in rows} == {"1", "2"}
    assert f"comparison.md: {len(rows)} rows" in said


def test_what_cannot_be_compared_is_a_sentence(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with pytest.raises(TrainingError, match="nothing to compare: name runs, or recipes with --untrained"):
        compare("--into", tmp_path)
    with pytest.raises(TrainingError, match="two of the networks are called 'mask-compact'"):
        compare(run, run, "--into", tmp_path)
    with pytest.raises(TrainingError, match="there is no run 'nothing'"):
        compare("nothing", "--into", tmp_path)
