"""The wheel that other backends install is the package `imago`, whole, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = {".py", ".pyi", ".proto", ".binpb", ".typed"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools leaves its scratch files in the tree it builds."""
    tree = tmp_path_factory.mktemp("tree")
    (tree / "README.md").write_text("# Imago\n")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(ROOT / "protos", tree / "protos", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", "dist"],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (tree / "dist").iterdir()
    return built


def test_it_holds_exactly_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        held = {name for name in content.namelist() if ".dist-info/" not in name}
    package = (path for path in (ROOT / "protos" / "imago").rglob("*") if path.suffix in KEPT)
    assert held == {path.relative_to(ROOT / "protos").as_posix() for path in package}


def test_it_brings_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        (entry_points,) = (name for name in content.namelist() if name.endswith("entry_points.txt"))
        assert "imago = imago.cli:main" in content.read(entry_points).decode()


def test_its_modules_and_contracts_load_without_the_tree(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        content.extractall(tmp_path)
    code = (
        "import importlib.resources, imago.cli, imago.client\n"
        "contracts = importlib.resources.files('imago.v1')\n"
        "assert (contracts / 'imago.binpb').read_bytes() and (contracts / 'gateway.proto').read_text()\n"
        "print(imago.cli.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(tmp_path))
