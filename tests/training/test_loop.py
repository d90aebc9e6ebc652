"""Resumed runs end as uninterrupted ones, the best epoch is kept, and what goes wrong is said with its place."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.regression import STEPS, Regression, line
from training.checkpoint import read_weights
from training.errors import Interrupted, TrainingError
from training.run import read_json


def weights(task: Regression) -> dict[str, torch.Tensor]:
    every: nn.ModuleDict = nn.ModuleDict(task.networks)
    return every.state_dict()


@pytest.mark.parametrize("stopped_at", [0, 6, STEPS - 1, 2 * STEPS])
def test_a_run_that_was_stopped_and_resumed_has_the_weights_of_one_that_was_not(
    tmp_path: Path, stopped_at: int
) -> None:
    whole, loop = line(tmp_path / "whole")
    whole_records = loop.train()

    first, loop = line(tmp_path / "parts", ctrl_c=stopped_at)
    with pytest.raises(Interrupted, match=rf"stopped after step {stopped_at + 1} of 15; .*--resume"):
        loop.train()
    second, loop = line(tmp_path / "parts", resume=True)
    records = loop.train()

    assert first.steps_seen + second.steps_seen == whole.steps_seen == list(range(15))
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(second)[name]), name
    for one, other in zip(whole_records, records, strict=True):
        assert one["loss/squares"] == other["loss/squares"]
        assert (one["epoch"], one["step"], one["learning_rate"]) == (
            other["epoch"],
            other["step"],
            other["learning_rate"],
        )
    lines = (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(entry)["epoch"] for entry in lines] == [1, 2, 3]


def test_a_crash_after_an_epoch_leaves_no_line_twice(tmp_path: Path) -> None:
    _, loop = line(tmp_path, poison=7)
    with pytest.raises(TrainingError):
        loop.train()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "step": 10, "loss/squares": 1.0}\n')  # written, but its checkpoint was not
    _, loop = line(tmp_path, resume=True)
    assert [record["epoch"] for record in loop.train()] == [1, 2, 3]


def test_the_epoch_with_the_best_score_is_kept(tmp_path: Path) -> None:
    task, loop = line(tmp_path, (None, 0.25, 0.75, 0.75))
    loop.train()
    assert loop.position.best == 0.75
    assert task.kept_after == [STEPS, 2 * STEPS, 3 * STEPS]
    assert set(read_weights(tmp_path / "best.safetensors")) == set(task.network.state_dict())


def test_a_loss_that_is_no_number_stops_the_run_with_the_step_and_the_files(tmp_path: Path) -> None:
    _, loop = line(tmp_path, poison=7)
    with pytest.raises(TrainingError, match=r"step 8: squares = nan: training stopped; the batch was points-1-2.txt"):
        loop.train()
    assert loop.position.step == 7


def test_a_run_leaves_metrics_curves_and_tensorboard(tmp_path: Path) -> None:
    _, loop = line(tmp_path)
    records = loop.train()
    assert [json.loads(entry) for entry in (tmp_path / "metrics.jsonl").read_text().splitlines()] == records
    assert set(records[0]) == {"epoch", "step", "loss/squares", "learning_rate", "images_per_second", "score"}
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "tensorboard").glob("events.*"))
    assert read_json(tmp_path / "recipe.json")["loop"]["epochs"] == 3


def test_an_unfinished_run_is_not_overwritten_and_nothing_is_resumed_twice_over(tmp_path: Path) -> None:
    _, loop = line(tmp_path, poison=7)
    with pytest.raises(TrainingError):
        loop.train()
    with pytest.raises(TrainingError, match="holds an unfinished run: go on with --resume"):
        line(tmp_path)
    with pytest.raises(TrainingError, match="there is nothing to resume in"):
        line(tmp_path / "empty", resume=True)
