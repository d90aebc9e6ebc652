"""Detectors are trained from the command line; what cannot be trained is one sentence."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.training.conftest import Command
from tests.training.squares import COLOURS, squares_folder
from training.checkpoint import load_weights, read_weights
from training.detectors.registry import build_detector
from training.recipe import load_recipe
from training.run import read_json

TINY = ("--smoke", "--set", "model.size=64", "--set", "loop.batch=4", "--set", "loop.ema=0.5")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squares_folder(tmp_path_factory.mktemp("squares"), train=8, validation=4)


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    command: Command, data: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    steady = ("--set", "optimiser.schedule=constant", "--data", data)  # the other schedules know the number of epochs
    assert command("mask-compact", *TINY, *steady, "--set", "loop.epochs=3", "--out", whole)[0] == 0
    assert command("mask-compact", *TINY, *steady, "--set", "loop.epochs=1", "--out", parts)[0] == 0
    assert command("mask-compact", *TINY, *steady, "--set", "loop.epochs=3", "--out", parts, "--resume")[0] == 0
    for name in ("detector", "average"):
        one, other = (
            read_weights(run / "checkpoints" / "step-00000006" / f"{name}.safetensors") for run in (whole, parts)
        )
        assert all(torch.equal(one[tensor], other[tensor]) for tensor in one)
    assert [record["loss/total"] for record in records(whole)] == [record["loss/total"] for record in records(parts)]


def records(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_what_export_and_the_log_need(command: Command, data: Path, tmp_path: Path) -> None:
    code, shown, _ = command("mask-ssdlite", *TINY, "--data", data, "--out", tmp_path)
    assert code == 0
    summary = read_json(tmp_path / "summary.json")
    assert (summary["recipe"], summary["epochs"], summary["steps"], summary["processes"]) == ("mask-ssdlite", 1, 2, 1)
    assert summary["images"]["train"] == {"images": 8, **dict.fromkeys(COLOURS, 8)}
    assert set(summary["best"]) == {"epoch", "mAP50", "mAP50-95", *(f"AP50/{label}" for label in COLOURS)}
    assert summary["wall_clock_s"] > 0
    assert summary["images_per_s"] > 0
    assert summary["peak_memory"]["resident_bytes"] > 2**20
    row = shown.splitlines()[-1]
    assert row.startswith(f"| {summary['finished'][:10]} | mask-ssdlite | ")
    assert command("log", "mask-ssdlite", "--out", tmp_path) == (0, row + "\n", "")
    recipe = load_recipe("mask-ssdlite", smoke=True, changes={"model.size": "64"})
    load_weights(build_detector(recipe.model, recipe.data.classes), tmp_path / "best.safetensors")


def test_squares_are_learned(command: Command, data: Path, tmp_path: Path) -> None:
    learn = ("loop.epochs=12", "loop.batch=2", "optimiser.learning_rate=5e-3", "loop.evaluate_every=12", "loop.ema=0.9")
    changes = [part for change in learn for part in ("--set", change)]
    assert command("mask-compact", *TINY, "--data", data, "--out", tmp_path, *changes)[0] == 0
    losses = [record["loss/total"] for record in records(tmp_path)]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    assert read_json(tmp_path / "summary.json")["final"]["mAP50"] > 0.1  # by chance it is below 0.01


def test_a_loss_that_is_no_number_names_the_step_and_the_files(command: Command, data: Path, tmp_path: Path) -> None:
    wild = ("--set", "optimiser.learning_rate=1e30", "--set", "loop.epochs=4")
    code, _, complaint = command("mask-compact", *TINY, *wild, "--data", data, "--out", tmp_path)
    assert code == 1
    sentence = complaint.splitlines()[-1]
    assert sentence.startswith("error: step ")
    assert "total = " in sentence
    assert str(data / "images" / "00") in sentence


def test_a_class_without_examples_is_named(command: Command, tmp_path: Path) -> None:
    data = squares_folder(tmp_path, train=4, validation=2, labels=("with_mask", "without_mask"))
    code, _, complaint = command("mask-compact", *TINY, "--data", data, "--out", tmp_path / "run")
    assert code == 1
    assert "none of the 4 training images has a box of the class 'mask_weared_incorrect': add examples" in complaint


def test_one_image_is_too_few(command: Command, tmp_path: Path) -> None:
    data = squares_folder(tmp_path, train=1, validation=0)
    code, _, complaint = command("mask-compact", *TINY, "--data", data, "--out", tmp_path / "run")
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(f"error: {data}: ")
    assert "training and validation need at least one each" in complaint


@pytest.mark.parametrize("name", ["detector.safetensors", "state.pt"])
def test_a_corrupt_checkpoint_is_named(command: Command, data: Path, tmp_path: Path, name: str) -> None:
    trained = tmp_path / "run"
    assert command("mask-compact", *TINY, "--data", data, "--out", trained)[0] == 0
    file = trained / "checkpoints" / "step-00000002" / name
    file.write_bytes(file.read_bytes()[:100])
    again = ("--data", data, "--out", trained, "--set", "loop.epochs=2", "--resume")
    code, _, complaint = command("mask-compact", *TINY, *again)
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(f"error: {file} is ")


def test_resuming_needs_a_run_of_the_same_recipe_with_something_left_to_do(
    command: Command, data: Path, tmp_path: Path
) -> None:
    start = ("mask-compact", *TINY, "--data", data, "--out", tmp_path / "run")
    code, _, complaint = command(*start, "--resume")
    assert (code, complaint) == (1, f"error: there is nothing to resume in {tmp_path / 'run'}\n")
    assert command(*start)[0] == 0
    code, _, complaint = command(*start, "--resume")
    assert (code, complaint) == (1, f"error: {tmp_path / 'run'} is finished: raise loop.epochs to go on\n")
    code, _, complaint = command(*start, "--resume", "--set", "loop.epochs=2", "--set", "loop.seed=9")
    assert code == 1
    assert "was begun with loop.seed = 0, not 9: a run is resumed with the recipe" in complaint


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--data", "nowhere"), "error: --data nowhere: there is no such folder\n"),
        (("--set", "data.source=folder"), "error: the recipe mask-compact has no data of its own: name a folder with"),
        (("--set", "data.source=cats"), "error: "),
        (("--set", "model.name=resnet"), "error: model.name: there is no detector 'resnet'; there are compact, "),
    ],
)
def test_data_and_networks_that_do_not_exist(
    command: Command, tmp_path: Path, data: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    given = arguments if "model.name=resnet" not in arguments else (*arguments, "--data", str(data))
    code, _, complaint = command("mask-compact", *TINY, "--out", tmp_path, *given)
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(sentence)


def test_a_folder_without_a_known_layout_is_refused_and_faults_are_said(
    command: Command, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, complaint = command("mask-compact", *TINY, "--data", tmp_path / "empty", "--out", tmp_path / "run")
    assert (code, complaint.count("\n")) == (1, 1)
    assert complaint.startswith(f"error: {tmp_path / 'empty'}: ")
    faulty = Path(shutil.copytree(data, tmp_path / "faulty"))
    (faulty / "annotations" / "000.xml").write_text("<annotation><object>")
    code, _, complaint = command("mask-compact", *TINY, "--data", faulty, "--out", tmp_path / "run")
    assert code == 0
    assert "note: " in complaint
    assert "000.xml" in complaint
