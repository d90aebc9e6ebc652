"""What tests of training share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from training.__main__ import main

# as `python -m training` does: on a machine that runs other things too, OpenMP's busy waiting costs tenfold
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m training ARGUMENTS`: exit code, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            code = 0
        written = capsys.readouterr()
        return code, written.out, written.err

    return run
