"""Every recipe runs at its smallest size, from the command line to the summary."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.recipe import recipe_names
from training.run import read_json

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 10.0
"""On two quiet cores. Tests share theirs, so ten times the figure is allowed."""


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_runs_at_its_smallest_size(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", name, "--smoke", "--out", str(tmp_path)]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 10 * LIMIT_S
    summary = read_json(tmp_path / "summary.json")
    assert summary["recipe"] == name
    assert summary["best"]["epoch"] >= 1
    assert (tmp_path / "best.safetensors").stat().st_size > 2**16
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.splitlines()[-1].startswith("| ")
