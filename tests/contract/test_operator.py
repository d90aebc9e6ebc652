"""An operator's mistake is one line and an exit code that is not zero."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.models import SIMPLE
from tests.processes import ROOT
from tests.repositories import write_config, write_scale

FLAGS = ("--host=127.0.0.1", "--grpc-port=0", "--http-port=0", "--log-format=text")
COMMAND = (sys.executable, "-m", "services.runtime", *FLAGS)
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protos'}"}


def run(*arguments: object) -> tuple[int, list[str]]:
    """The exit code of `python -m services.runtime` and the lines that tell why."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env=ENVIRONMENT,
    )  # fmt: skip
    return ended.returncode, [line for line in ended.stderr.splitlines() if "INFO" not in line]


def two_roots(root: Path) -> list[str]:
    for name in ("a", "b"):
        write_scale(root / name)
    return [f"--model-repository={root / 'a'}", f"--model-repository={root / 'b'}"]


def unknown_model(root: Path) -> list[str]:
    write_scale(root)
    return [f"--model-repository={root}", "--load-model=nothing"]


def missing_file(root: Path) -> list[str]:
    (write_config(root, "simple", SIMPLE) / "1").mkdir()
    return [f"--model-repository={root}"]


def broken_config(root: Path) -> list[str]:
    write_config(root, "broken", "max_batch_size: many")
    return [f"--model-repository={root}"]


MISTAKES: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no repository": (lambda root: [], "--model-repository (IMAGO_MODEL_REPOSITORY) must name a folder of models"),
    "no such folder": (lambda root: [f"--model-repository={root / 'none'}"], "none' is not a folder"),
    "empty repository": (lambda root: [f"--model-repository={root}"], "no model in"),
    "one name in two repositories": (two_roots, "model 'scale' is in two repositories"),
    "unknown model": (unknown_model, "--load-model names ['nothing']; the repositories hold ['scale']"),
    "missing model file": (missing_file, "model 'simple' version 1: 'simple/1/model.onnx' is not there"),
    "broken configuration": (broken_config, "model 'broken': config.pbtxt does not parse"),
    "triton for nobody": (lambda root: ["--engine=triton"], "--engine triton needs a service with RPCs of its own"),
    "bad setting": (lambda root: ["--engine=other"], "--engine"),
    "bad port": (lambda root: ["--grpc-port=70000"], "--grpc-port (IMAGO_GRPC_PORT) is '70000'"),
}


@pytest.mark.parametrize(("make", "complaint"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(tmp_path: Path, make: Callable[[Path], list[str]], complaint: str) -> None:
    code, lines = run(*make(tmp_path))
    assert code in (1, 2)
    assert len(lines) == 1, lines
    assert complaint in lines[0]
    assert "Traceback" not in lines[0]


SLOW_TO_CONFIGURE = """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        open({gate!r}, "rb").read()

    def execute(self, requests):
        return []
"""


def test_a_server_ends_when_told_to_however_long_a_model_takes_to_configure_itself(tmp_path: Path) -> None:
    gate, version = tmp_path / "gate", tmp_path / "models" / "slow" / "1"
    os.mkfifo(gate)
    version.mkdir(parents=True)
    (version / "model.py").write_text(SLOW_TO_CONFIGURE.format(gate=str(gate)))
    command = [*COMMAND, f"--model-repository={tmp_path / 'models'}"]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as server:
        try:
            with gate.open("wb"):  # returns when the model has opened its end
                server.terminate()
                assert server.wait(20) == 0
        finally:
            server.kill()
