"""Translators are trained into a run's folder: what is left there, how it goes on, what cannot be trained."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.training.translators.examples import folder_of_domains, folder_of_pairs, pairs, tiny
from training.checkpoint import read_weights
from training.errors import TrainingError
from training.run import Run, read_json
from training.translation import train_translator
from training.translators.trained import load_translator

STATEFUL: dict[str, dict[str, Any]] = {
    "cyclegan-cow2horse": {"loop__ema": 0.9, "model__options__pool": 3},
    "cut-cow2horse": {"adversarial__label_switching": 0.2},
}
"""Models with something beside their players: pools, a projection."""


def train(name: str, folder: Path, data: Path, *, resume: bool = False, **changes: Any) -> None:
    # a schedule would know the number of epochs
    recipe = tiny(name, **{"optimiser__schedule": "constant", "optimiser__decay_from": 0.0, **changes})
    train_translator(Run(recipe, folder, data=data, resume=resume))


def test_a_run_of_pairs_leaves_weights_sheets_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = folder_of_pairs(tmp_path / "data"), tmp_path / "run"
    train("pix2pix-maps", run, data, loop__epochs=3, loop__evaluate_every=2)
    assert sorted(file.name for file in (run / "samples").iterdir()) == [
        "step-00000002.png", "step-00000003.png", "strip.png",
    ]  # fmt: skip
    summary = read_json(run / "summary.json")
    assert summary["images"] == {"train": {"images": 4}, "validation": {"images": 2}}
    assert summary["directions"] == ["aerial_to_map"]
    assert {"l1", "psnr", "sharpness", "score"} <= set(summary["best"])
    assert summary["best"]["accuracy"] is None  # the palette is that of rendered maps
    trained = load_translator(run)
    (generator,) = trained.generators.values()
    assert not generator.training
    assert summary["parameters"] == sum(weight.numel() for weight in generator.parameters())
    assert capsys.readouterr().out.splitlines()[-1].startswith("| ")


def test_the_sheet_of_pairs_shows_what_was_given_made_and_wanted(tmp_path: Path) -> None:
    data, run = folder_of_pairs(tmp_path / "data"), tmp_path / "run"
    train("pix2pix-maps-back", run, data)
    sheet = cv2.imread(str(run / "samples" / "step-00000001.png"), cv2.IMREAD_COLOR_RGB)
    assert sheet is not None
    rows = [sheet[2 + 34 * row : 34 + 34 * row, 2:34] for row in range(3)]
    held_out = pairs(2)
    assert np.array_equal(rows[0], held_out.targets[0])  # the other direction: maps are given
    assert np.array_equal(rows[2], held_out.inputs[0])
    strip = cv2.imread(str(run / "samples" / "strip.png"), cv2.IMREAD_COLOR_RGB)
    assert strip is not None
    assert np.array_equal(strip[2:34, 98:130], rows[1])  # what was made, beside the step


def test_a_run_of_domains_keeps_a_translator_for_each_direction(tmp_path: Path) -> None:
    data, run = folder_of_domains(tmp_path / "data"), tmp_path / "run"
    train("cyclegan-cow2horse", run, data)
    summary = read_json(run / "summary.json")
    assert summary["images"]["train"] == {"images": 7, "cow": 4, "horse": 3}
    assert summary["best"]["score"] is None  # nobody judges
    assert 0 < summary["best"]["cycle"] < 1
    assert sorted(file.name for file in run.glob("best-*")) == [
        "best-critic-cow.safetensors", "best-critic-horse.safetensors",
    ]  # fmt: skip
    trained = load_translator(run)
    assert [*trained.generators] == ["cow_to_horse", "horse_to_cow"]
    newest = next((run / "checkpoints").iterdir())
    averages = read_weights(newest / "average-cow_to_horse.safetensors")
    kept = trained.generators["cow_to_horse"].state_dict()
    assert all(torch.equal(tensor, averages[f"averaged.module.{name}"]) for name, tensor in kept.items())


@pytest.mark.parametrize("name", STATEFUL)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path, name: str) -> None:
    data, whole, parts = folder_of_domains(tmp_path / "data"), tmp_path / "whole", tmp_path / "parts"
    varied = {**STATEFUL[name], "augment__zoom": "[1.0, 1.5]"}
    train(name, whole, data, loop__epochs=2, **varied)
    train(name, parts, data, loop__epochs=1, **varied)
    train(name, parts, data, loop__epochs=2, resume=True, **varied)
    one, other = (next((run / "checkpoints").iterdir()) for run in (whole, parts))
    files = sorted(file.name for file in one.glob("*.safetensors"))
    assert files == sorted(file.name for file in other.glob("*.safetensors"))
    for file in files:
        expected, found = read_weights(one / file), read_weights(other / file)
        assert all(torch.equal(expected[key].nan_to_num(), found[key].nan_to_num()) for key in expected), file
    losses = [
        [line["loss/generator"] for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())]
        for run in (whole, parts)
    ]
    assert losses[0] == losses[1]


def test_images_of_another_size_than_the_model_trains_are_refused(tmp_path: Path) -> None:
    data = folder_of_domains(tmp_path / "data")
    with pytest.raises(TrainingError, match="the images have 48 x 48 pixels, but cyclegan-cow2horse trains with 32"):
        train("cyclegan-cow2horse", tmp_path / "run", data, data__width=48, data__height=48)


def test_a_run_of_a_generator_of_latent_vectors_is_no_translator(tmp_path: Path) -> None:
    recipe = tiny("dcgan-fruits")
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    with pytest.raises(TrainingError, match="is a run of dcgan-fruits, which trains no translator"):
        load_translator(tmp_path)
