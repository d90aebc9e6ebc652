"""Generators are trained into a run's folder: what is left there, how it goes on, what cannot be trained."""

import json
from pathlib import Path

import pytest
import torch

from tests.training.conftest import Command
from training.checkpoint import load_weights, read_weights
from training.errors import TrainingError
from training.generation import train_generator
from training.generators.registry import build_model
from training.recipe import Recipe, load_recipe
from training.run import Run, read_json

DIGITS = {
    "data.source": "digits",
    "data.classes": '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]',
    "data.train": "40",
    "data.validation": "20",
    "data.channels": "1",
    "data.width": "16",
    "data.height": "16",
    "model.size": "16",
    "model.options.filters": "4",
    "model.options.layers": "3",
    "loop.batch": "8",
    "optimiser.schedule": "constant",  # the others know the number of epochs
}


def unjudged(recipe: str, **changes: str) -> Recipe:
    """A recipe at a tiny size whose generator nobody scores."""
    fields = {name.replace("__", "."): value for name, value in changes.items()}
    return load_recipe(recipe, smoke=True, changes={**DIGITS, **fields}).model_copy(update={"judge": None})


def records(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_weights_curves_sheets_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = unjudged("dcgan-fruits-modern", loop__epochs="3", loop__evaluate_every="2")
    train_generator(Run(recipe, tmp_path))
    sheets = sorted(file.name for file in (tmp_path / "samples").iterdir())
    assert sheets == ["step-00000010.png", "step-00000015.png", "strip.png"]
    load_weights(build_model(recipe).generator, tmp_path / "best.safetensors")
    load_weights(build_model(recipe).critic, tmp_path / "best-critic.safetensors")
    best, newest = read_weights(tmp_path / "best.safetensors"), tmp_path / "checkpoints" / "step-00000015"
    averages = read_weights(newest / "average-generator.safetensors")
    assert all(torch.equal(tensor, averages[f"averaged.module.{name}"]) for name, tensor in best.items())
    summary = read_json(tmp_path / "summary.json")
    assert summary["images"]["train"]["images"] == 40
    assert summary["parameters"] == sum(weight.numel() for weight in build_model(recipe).generator.parameters())
    assert (summary["watch"], summary["ways_back"], summary["metric"]) == ({}, 0, "score")
    assert set(summary["best"]) == {"epoch", "score"}  # what nobody scored is the newest
    assert summary["best"]["epoch"] == 3
    assert "loss/generator" in records(tmp_path)[0]
    assert capsys.readouterr().out.splitlines()[-1].startswith("| ")


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = {"model__options__dropout": "0.3", "adversarial__label_switching": "0.1"}
    train_generator(Run(unjudged("dcgan-fruits-modern", loop__epochs="2", **options), whole))
    train_generator(Run(unjudged("dcgan-fruits-modern", loop__epochs="1", **options), parts))
    train_generator(Run(unjudged("dcgan-fruits-modern", loop__epochs="2", **options), parts, resume=True))
    for file in ("generator", "critic", "average-generator", "watch"):
        one, other = (
            read_weights(run / "checkpoints" / "step-00000010" / f"{file}.safetensors") for run in (whole, parts)
        )
        assert all(torch.equal(one[name].nan_to_num(), other[name].nan_to_num()) for name in one), file
    assert [record["loss/critic"] for record in records(whole)] == [record["loss/critic"] for record in records(parts)]


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    recipe = unjudged("dcgan-fruits", model__size="32", model__options__layers="4")
    with pytest.raises(
        TrainingError, match="the images have 16 x 16 pixels and 1 channels, but .* makes 32 x 32 with 1"
    ):
        train_generator(Run(recipe, tmp_path))


def test_players_that_diverge_stop_the_command_with_one_sentence(command: Command, tmp_path: Path) -> None:
    fields = {**DIGITS, "adversarial.watch": "stop", "optimiser.learning_rate": "1e30", "loop.epochs": "4"}
    fields |= {"judge.recipe": "judge-digits-smoke"}
    arguments = [part for field, value in fields.items() for part in ("--set", f"{field}={value}")]
    code, _, complaint = command("dcgan-fruits", "--smoke", "--out", tmp_path, *arguments)
    assert code == 1
    sentence = complaint.splitlines()[-1]
    assert sentence.startswith("error: step ")
    assert "the players have diverged; a lower optimiser.learning_rate" in sentence
