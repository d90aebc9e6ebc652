"""Two processes train one network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.squares import squares_folder
from training.checkpoint import read_weights
from training.curves import read_metrics

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "1000", "PYTHONPATH": str(ROOT)}


def launch(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [*LAUNCH, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes would share one GPU, which NCCL refuses")
def test_two_processes_have_finite_and_equal_weights(tmp_path: Path) -> None:
    data = squares_folder(tmp_path, train=8, validation=3)
    done = launch("tests/training/two_processes.py", data, tmp_path)
    assert done.returncode == 0, done.stderr
    one, other = (read_weights(tmp_path / f"process-{number}.safetensors") for number in (0, 1))
    trained = [name for name in one if "running_" not in name]  # running means are each process's own
    assert all(torch.equal(one[name], other[name]) for name in trained)
    assert all(torch.isfinite(tensor).all() for tensor in one.values())
    assert done.stdout.count("epoch 2: ") == 1  # only the first process speaks
    assert [record["step"] for record in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [2, 4]
