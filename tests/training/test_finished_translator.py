"""A finished translator is measured on all held-out images, and shows where it fails."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.conftest import Command
from tests.training.translators.examples import domain, folder_of_domains, folder_of_pairs, pairs, tiny
from training.checkpoint import save_weights
from training.data.translated import PairedSplits, UnpairedSplits
from training.errors import TrainingError
from training.finished_translator import FinishedTranslator, load_finished
from training.judges.judge import TrainedJudge
from training.run import Run, read_json, write_json
from training.translators.registry import build_model, kept
from training.translators.trained import TrainedTranslator


class Copy(nn.Module):
    """Leaves images as they are."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class Bright:
    """Takes bright images for horses."""

    classes = ("cow", "horse")

    def probabilities(self, images: Tensor) -> Tensor:
        horse = (images[:, :1].mean((1, 2, 3)) + 1) / 2
        return torch.stack((1 - horse, horse), 1)

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def finished(name: str, splits: PairedSplits | UnpairedSplits, judge: object = None) -> FinishedTranslator:
    recipe = tiny(name)
    generators = dict.fromkeys(build_model(recipe).generators, Copy())
    trained = TrainedTranslator(recipe, generators)
    return FinishedTranslator(Run(recipe, Path()), trained, splits, cast("TrainedJudge | None", judge))


def run_of(name: str, folder: Path, data: Path) -> Path:
    """A run whose network has learned nothing."""
    recipe = tiny(name)
    folder.mkdir()
    write_json(folder / "recipe.json", recipe.model_dump(mode="json"))
    write_json(folder / "summary.json", {"data": str(data)})
    save_weights(kept(build_model(recipe)), folder / "best.safetensors")
    return folder


def test_the_worst_pairs_are_those_farthest_from_what_is_wanted() -> None:
    some = pairs(4)
    some.targets[:] = some.inputs
    some.targets[1] = 255 - some.targets[1]
    some.targets[3, :16] = 0
    sheet = finished("pix2pix-maps", PairedSplits(some, some)).sheet(2, worst=True)
    assert sheet.pixels.shape == (3 * 34 + 2, 2 * 34 + 2, 3)
    columns = [sheet.pixels[2:34, 2 + 34 * place : 34 + 34 * place] for place in range(2)]
    assert np.array_equal(columns[0], some.inputs[1])
    assert np.array_equal(columns[1], some.inputs[3])


def test_the_worst_translations_are_those_that_the_judge_takes_least_for_the_other_domain() -> None:
    both = (domain(6, 0), domain(6, 1))  # the higher the number, the brighter, and the more of a horse
    sheet = finished("cyclegan-cow2horse", UnpairedSplits(both, both), Bright()).sheet(3, worst=True)
    tops = [[int(sheet.pixels[2 + 34 * row, 2 + 34 * place, 0]) for place in range(3)] for row in (0, 3)]
    assert tops == [[0, 1, 2], [5, 4, 3]]
    with pytest.raises(TrainingError, match="names no judge, so that nobody knows which images are worst"):
        finished("cyclegan-cow2horse", UnpairedSplits(both, both)).sheet(3, worst=True)


def test_all_held_out_images_are_measured() -> None:
    both = (domain(6, 0), domain(6, 1))
    scores = finished("cyclegan-cow2horse", UnpairedSplits(both, both), Bright()).scores()
    assert (scores["cycle"], scores["change"]) == (0.0, 0.0)
    assert (scores["judged/cow_to_horse"], scores["judged/horse_to_cow"]) == (0.0, 1.0)  # all of them are dark


def test_the_command_writes_scores_and_a_sheet(command: Command, tmp_path: Path) -> None:
    run = run_of("pix2pix-maps", tmp_path / "run", folder_of_pairs(tmp_path / "data"))
    code, said, _ = command("translations", run, "--count", 1)
    assert code == 0
    assert "peak signal to noise in dB" in said
    assert read_json(run / "evaluation.json")["scores"]["l1"] > 0
    sheet = cv2.imread(str(run / "samples.png"))
    assert sheet is not None
    assert sheet.shape == (3 * 34 + 2, 34 + 2, 3)


def test_images_of_another_folder_can_be_measured(tmp_path: Path) -> None:
    run = run_of("cut-cow2horse", tmp_path / "run", tmp_path / "gone")
    found = load_finished(run, folder_of_domains(tmp_path / "data"))
    assert isinstance(found.splits, UnpairedSplits)
    assert found.sheet(1).made == (1,)
    with pytest.raises(TrainingError, match="gone"):
        load_finished(run)
