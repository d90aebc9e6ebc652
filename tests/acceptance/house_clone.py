"""What a newcomer does: `make demo`, `make check` and `make test` in a fresh clone, and the wheel by itself."""

import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.acceptance.figures import Figures
from tests.house import House
from tests.photographs import astronaut
from tests.processes import ROOT

DEMO_WITHIN_S = 300


def clone(figures: Figures) -> None:
    """Fresh clone of what is committed; nothing that is installed here is visible to it."""
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "imago"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
        start = time.monotonic()
        code = _make(tree, "demo", "ARGS=--once")
        seconds = time.monotonic() - start
        pictures = sorted(path.name for path in (tree / "out").glob("*"))
        figures.equal("fresh clone: make demo ARGS=--once exits with", code, 0, pictures=pictures)
        figures.at_most("fresh clone: make demo ARGS=--once, s", seconds, DEMO_WITHIN_S)
        for target in ("install", "check", "test"):
            start = time.monotonic()
            figures.equal(f"fresh clone: make {target} exits with", _make(tree, target), 0, s=_since(start))


def wheel(figures: Figures) -> None:
    """The wheel in an empty environment calls the running stack."""
    with TemporaryDirectory() as folder, House() as house:
        build = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT)]
        subprocess.run(build, check=True, stdout=sys.stderr)
        (built,) = Path(folder).glob("*.whl")
        environment = Path(folder) / "environment"
        venv.create(environment, with_pip=True)
        _run([environment / "bin" / "pip", "install", "-q", "-c", ROOT / "requirements.lock", built], Path(folder))
        picture = Path(folder) / "out.jpg"
        command = [environment / "bin" / "imago", "faces", astronaut(), "-o", picture, "--server", house.grpc()]
        code = _run(command, Path(folder))
        figures.equal("installed wheel: imago faces exits with", code, 0, wheel=built.name, picture=picture.exists())


def _make(tree: Path, *arguments: str) -> int:
    return _run(["make", *arguments], tree)


def _run(command: Sequence[object], folder: Path) -> int:
    """Run with an environment that knows nothing of this one; its output goes to standard error."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, stdout=sys.stderr, check=False)
    return done.returncode


def _since(start: float) -> int:
    return round(time.monotonic() - start)
