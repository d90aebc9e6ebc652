"""What code imports and what its dependencies name are the same: nothing by accident, nothing for nobody."""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.container import DOCKERFILES, ROOT, copy_into, group_of, named_by

OURS = {"imago", "services", "gateway"}
MADE_BY_THE_SERVER = {"triton_python_backend_utils"}
"""Exists only inside a model's process."""
USED_BY_ANOTHER = {"python-multipart"}
"""Nobody imports it by name: starlette does, for forms."""


def imports(folder: Path) -> set[tuple[str, ...]]:
    """Every import below a folder: the names under which its module may be found, the longest first."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            found |= set(_imported(node))
    known = sys.stdlib_module_names | OURS | MADE_BY_THE_SERVER
    return {names for names in found if names[0].partition(".")[0] not in known}


def _imported(node: ast.AST) -> Iterator[tuple[str, ...]]:
    match node:
        case ast.Import(names=aliases):
            yield from ((alias.name,) for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            yield from ((f"{module}.{alias.name}", module) for alias in aliases)
        case ast.Call(func=ast.Name(id="find_spec"), args=[ast.Constant(value=str(name))]):
            yield (name,)


@cache
def modules_of(package: str) -> frozenset[str]:
    """The dotted names of the modules that an installed package brings."""
    files = distribution(package).files or ()
    parts = [(*file.parts[:-1], file.name.partition(".")[0]) for file in files if file.suffix in {".py", ".so"}]
    return frozenset(".".join(part for part in names if part != "__init__") for names in parts)


def compare(folder: Path, requirements: Iterable[Requirement]) -> tuple[set[str], set[str]]:
    """What is imported and not named, and what is named and not imported."""
    packages = {requirement.name for requirement in requirements} - USED_BY_ANOTHER
    used, nobodys = set(), set()
    for names in imports(folder):
        owners = {package for package in packages if modules_of(package) & set(names)}
        used |= owners
        if not owners:
            nobodys.add(names[-1])
    return nobodys, packages - used


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_imports_exactly_what_its_dependency_group_names(dockerfile: Path, tmp_path: Path) -> None:
    copy_into(tmp_path, dockerfile)
    assert compare(tmp_path, named_by(group_of(dockerfile))) == (set(), set())


def test_the_installable_package_imports_exactly_what_it_and_its_extras_depend_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert compare(ROOT / "protos" / "imago", map(Requirement, named)) == (set(), set())
