"""ablate: a recipe as it is and without one part, each with several seeds, in one table."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from training.__main__ import application
from training.errors import TrainingError
from training.run import read_json

RECIPE = "dcgan-hardhat-tricks"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(autouse=True)
def _in_workplace(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, data and the judge are in the working directory."""
    monkeypatch.chdir(workplace)


def ablate(*arguments: str) -> Result:
    command = ["ablate", RECIPE, "--smoke", "--only", "whole", "--only", "batch", *arguments]
    return CliRunner().invoke(application(), command, catch_exceptions=False)


def test_each_variant_is_trained_once_for_each_seed_and_shown_with_its_interval(workplace: Path) -> None:
    first = ablate("--seeds", "1")
    assert first.exit_code == 0, first.output
    folder = workplace / "build" / "runs" / f"{RECIPE}-ablations-smoke"
    finished = {run.name: (run / "summary.json").stat().st_mtime_ns for run in folder.glob("*-seed0")}
    assert set(finished) == {"whole-seed0", "batch-seed0"}

    again = ablate("--seeds", "2")
    assert "2 seeds, mean and 95 % interval" in again.output
    assert finished == {name: (folder / name / "summary.json").stat().st_mtime_ns for name in finished}
    batches = {run.name: read_json(run / "recipe.json")["loop"]["batch"] for run in folder.glob("*-seed*")}
    assert batches == {"whole-seed0": 8, "whole-seed1": 8, "batch-seed0": 64, "batch-seed1": 64}

    with pytest.raises(TrainingError, match="whole-seed0 is finished, with loop.epochs = 1, not 2: give the same"):
        ablate("--seeds", "2", "--set", "loop.epochs=2")

    found = read_json(folder / "ablation.json")
    runs = [read_json(folder / f"batch-seed{seed}" / "summary.json")["final"]["deviation"] for seed in (0, 1)]
    assert found["batch"]["deviation"]["mean"] == pytest.approx(sum(runs) / 2)
    assert found["batch"]["deviation"]["low"] < min(runs)
    assert found["batch"]["deviation"]["runs"] == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((RECIPE, "--only", "luck"), f"recipe {RECIPE} has no ablation 'luck'; there are whole, filters-and-layers, "),
        (("dcgan-fruits",), "recipe dcgan-fruits has no table 'ablations'"),
    ],
)
def test_what_cannot_be_left_out_is_named(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(TrainingError) as caught:
        CliRunner().invoke(application(), ["ablate", *arguments], catch_exceptions=False)
    assert str(caught.value).startswith(sentence)
