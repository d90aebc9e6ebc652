"""Every recipe runs at its smallest size, to the summary; one of them from the command line."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.__main__ import application
from training.recipe import recipe_names
from training.run import read_json

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 10.0
"""On two quiet cores. Tests share theirs, so ten times the figure is allowed."""


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_runs_at_its_smallest_size(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    began = time.monotonic()
    done = CliRunner().invoke(application(), [name, "--smoke", "--out", str(tmp_path)], catch_exceptions=False)
    assert time.monotonic() - began < 10 * LIMIT_S
    check(name, tmp_path, done.exit_code, done.stdout)


def test_the_command_line_runs_a_recipe(tmp_path: Path) -> None:
    name = "acgan-digits-modern"
    command = [sys.executable, "-m", "training", name, "--smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    check(name, tmp_path, done.returncode, done.stdout)


def check(name: str, run: Path, exit_code: int, shown: str) -> None:
    """That a run ended well and left all that a run leaves."""
    assert exit_code == 0, shown
    summary = read_json(run / "summary.json")
    assert summary["recipe"] == name
    assert summary["best"]["epoch"] >= 1
    assert (run / "best.safetensors").stat().st_size > 2**16
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert shown.splitlines()[-1].startswith("| ")
