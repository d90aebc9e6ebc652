"""The command line: its help is quick, and every mistake is one sentence and exit code 1."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import Command
from training.recipe import recipe_names, recipe_title

ROOT = Path(__file__).resolve().parents[2]


def test_help_names_every_recipe_with_its_title_and_imports_no_torch() -> None:
    program = (
        "import sys; from training.__main__ import application\n"
        "try: application()(['--help'], prog_name='training')\n"
        "finally: print('torch' in sys.modules, 'cv2' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in recipe_names():
        assert name in shown
        assert recipe_title(name) in shown
    assert shown.endswith("False False\n")


def test_the_help_of_a_recipe_says_what_each_option_is_for(command: Command) -> None:
    code, shown, _ = command("mask-compact", "--help")
    assert code == 0
    for option in ("--smoke", "--resume", "--data", "--out", "--set"):
        assert option in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("mask",), "error: there is no recipe or command 'mask'; there are "),
        (("mask-compact", "--set", "loop.epochs"), "error: --set loop.epochs: must be FIELD=VALUE"),
        (("mask-compact", "--set", "=3"), "error: --set =3: must be FIELD=VALUE"),
        (("mask-compact", "--set", "loop.epoch=3"), "error: recipe mask-compact: there is no field 'loop.epoch'\n"),
        (("mask-compact", "--set", "loop.epochs=few"), "error: recipe mask-compact: loop.epochs = 'few': "),
        (("log", "mask-compact", "--out", "nowhere"), "error: there is no file nowhere/summary.json\n"),
    ],
)
def test_a_mistake_is_one_sentence(command: Command, arguments: tuple[str, ...], sentence: str) -> None:
    code, shown, complaint = command(*arguments)
    assert (code, shown) == (1, "")
    assert complaint.startswith(sentence)
    assert complaint.count("\n") == 1
