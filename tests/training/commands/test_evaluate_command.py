"""evaluate and samples: what a person types, sees and gets, for the smallest run of the digits' recipe."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from training.__main__ import application
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.generators.registry import build_model
from training.metrics.evaluation import MEANINGS
from training.recipe import load_recipe
from training.run import read_json, write_json

RECIPE = "acgan-digits-modern"


def command(*arguments: object) -> Result:
    """The result of a command that must succeed."""
    result = CliRunner().invoke(application(), [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `build/runs/tiny`: two players as they are before their first step."""
    folder = tmp_path_factory.mktemp("workplace")
    run = folder / "build" / "runs" / "tiny"
    run.mkdir(parents=True)
    recipe = load_recipe(RECIPE, smoke=True)
    torch.manual_seed(0)
    players = build_model(recipe)
    write_json(run / "recipe.json", recipe.model_dump(mode="json"))
    save_weights(players.generator, run / "best.safetensors", {})
    save_weights(players.critic, run / "best-critic.safetensors", {})
    return folder


@pytest.fixture(autouse=True)
def _in_workplace(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find runs, and train the judge once, in the working directory."""
    monkeypatch.chdir(workplace)


def test_every_figure_stands_beside_that_of_real_images_and_in_the_runs_folder(workplace: Path) -> None:
    shown = command("evaluate", "tiny", "tiny", "--images", 40, "--json", "figures/all.json").output
    assert "2 runs, mean and 95 % interval; 40 images; features: judge-digits, 64 values" in shown
    found = read_json(workplace / "build" / "runs" / "tiny" / "evaluation.json")
    domain = {name for name in MEANINGS if not name.startswith("inception")}
    assert set(found["made"]) == domain  # Inception's weights were not given
    assert found["made"]["frechet"] is None  # 40 images say nothing of a covariance of 64 features
    assert found["made"]["coverage"] < 0.2  # an untrained generator makes grey
    assert found["made"]["deviation"] < 0.2
    assert found["real"]["coverage"] > 0.8
    together = json.loads((workplace / "figures" / "all.json").read_text())["together"]
    assert together["density"]["low"] == together["density"]["mean"] == found["made"]["density"]


def test_the_sheet_shows_what_the_seed_says(workplace: Path) -> None:
    command("samples", "tiny", "--count", 9, "--seed", 3, "-o", "one.png", "--neighbours")
    command("samples", "tiny", "--count", 9, "--seed", 3, "-o", "again.png")
    command("samples", "tiny", "--count", 9, "--seed", 4, "--label", "7", "-o", "other.png")
    assert (workplace / "one.png").read_bytes() == (workplace / "again.png").read_bytes()
    assert (workplace / "one.png").read_bytes() != (workplace / "other.png").read_bytes()
    page = cv2.imread(str(workplace / "one.png"))
    assert page is not None
    assert page.shape[0] < page.shape[1]  # two rows of eight
    assert (workplace / "one-neighbours.png").is_file()


def test_what_the_rule_keeps_is_written_with_every_images_numbers(workplace: Path) -> None:
    kept = "--confidence", 0, "--critic-quantile", 0.5
    shown = command("samples", "tiny", "--count", 40, "--keep", "kept", *kept).output
    with (workplace / "kept" / "selection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [number for number, row in enumerate(rows) if row["kept"] == "1"]
    assert len(rows) == 40
    assert 0 < len(numbers) <= 20
    assert f"{len(numbers)} of 40 images kept" in shown
    assert sorted(file.name for file in (workplace / "kept").glob("*.png")) == [f"{n:05d}.png" for n in numbers]
    assert all(row["judge"] == row["asked"] for row in rows if row["kept"] == "1")
    reals = [float(row["critic"]) for row in rows]
    assert min(reals[number] for number in numbers) >= np.quantile(reals, 0.5) - 1e-5  # written with six digits


def test_mistakes_are_named(workplace: Path) -> None:
    with pytest.raises(TrainingError, match="--label ten: acgan-digits-modern cannot be asked for it; there are 0, 1"):
        command("samples", "tiny", "--label", "ten")
    with pytest.raises(TrainingError, match="there is no run 'nowhere'"):
        command("evaluate", "nowhere")
    with pytest.raises(TrainingError, match="there is no file of weights no.pth"):
        command("evaluate", "tiny", "--no-synthetic", "--images", 8, "--inception", "no.pth")
    lost = workplace / "build" / "runs" / "lost"
    shutil.copytree(workplace / "build" / "runs" / "tiny", lost)
    (lost / "best-critic.safetensors").unlink()
    with pytest.raises(TrainingError, match="there is no file of weights build/runs/lost/best-critic.safetensors"):
        command("samples", "lost", "--count", 8, "--keep", "kept")


def test_a_translators_run_is_told_its_own_command(workplace: Path) -> None:
    run = workplace / "build" / "runs" / "translator"
    run.mkdir()
    write_json(run / "recipe.json", load_recipe("pix2pix-maps", smoke=True).model_dump(mode="json"))
    with pytest.raises(TrainingError, match="the run of a pix2pix, .* measured by `python -m training translations`"):
        command("samples", "translator")
