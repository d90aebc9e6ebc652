"""The documents are executed: every block marked `run` does what it says, against a running stack.

The ports of `make up` are replaced by those of the stack that the tests started, paths into .venv by this
environment's, and the pictures of the documents are found where they lie.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import House
from tests.photographs import astronaut
from tests.protos.imago.clips import write_clip

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


def blocks() -> Iterator[object]:
    for document in DOCUMENTS:
        for number, (language, code) in enumerate(BLOCK.findall(document.read_text()), start=1):
            yield pytest.param(language, code, id=f"{document.name}-{number}-{language}")


@pytest.mark.parametrize(("language", "code"), list(blocks()))
def test_a_block_does_what_it_says(language: str, code: str, house: House, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm")
    if language == "python":
        code = f"photo, clip = {str(astronaut())!r}, {str(clip)!r}\n{code}"
    code = code.replace("127.0.0.1:8081", house.grpc()).replace("http://127.0.0.1:8080", house.http())
    code = code.replace("127.0.0.1:8101", house.grpc("detector")).replace(
        ".venv/bin/", f"{Path(sys.executable).parent}/"
    )
    code = code.replace("docs/images/", f"{ROOT}/docs/images/")
    (tmp_path / "out").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "IMAGO_SERVER": house.grpc(),
        "photo": str(astronaut()),
        "clip": str(clip),
    }
    done = subprocess.run(
        [*PROGRAMS[language], code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for written in re.findall(r"out/\w+\.(?:jpg|png|gif|webm|csv)", code):
        assert (tmp_path / written).is_file()


def test_the_documents_have_blocks_that_are_executed() -> None:
    assert {document.name for document in DOCUMENTS if BLOCK.search(document.read_text())} >= {
        "README.md",
        "clients.md",
    }


def test_the_tree_in_the_readme_is_the_tree() -> None:
    tree = re.search(r"^## The tree\n\n```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert tree
    named = {line.split()[0] for line in tree[1].splitlines()}
    assert all((ROOT / path).is_dir() for path in named)
    top = {f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    ignored = {".venv/", "out/", "build/", "dist/"}
    assert {f"{path.split('/')[0]}/" for path in named} >= {name for name in top - ignored if not name.startswith(".")}


def test_make_help_lists_every_command() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(re.findall(r"^  make (\w+)", listed, re.MULTILINE)) == set(phony[1].split())
