"""A model.py must run in a real Triton too, where nothing of ours can be imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

OURS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} | {"imago", "tests", "training"}
MODELS = sorted((ROOT / "services").glob("**/[0-9]*/*.py"))


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def test_there_are_models_and_packages_to_check() -> None:
    assert {path.parent.parent.name for path in MODELS} >= {"face_hog", "face_mmod", "face_haar", "face_landmarks"}
    assert {"services", "gateway"} <= OURS


@pytest.mark.parametrize("source", MODELS, ids=lambda path: path.parent.parent.name)
def test_a_model_imports_nothing_of_ours(source: Path) -> None:
    assert [name for name in imported(source) if name.split(".")[0] in OURS] == []
