"""Rules of the tree that no other tool checks. `make check` runs them."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
LONGEST_FILE = 300
LARGEST_FILE = 15 * MIB
LARGEST_PICTURE = 300 * 1024

Pins = dict[str, str]


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted({ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()})


def written_by_hand() -> list[Path]:
    return [path for path in tracked("*.py") if not re.search(r"_pb2(_grpc)?\.py$", path.name)]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def model_files() -> list[Path]:
    return [path for path in tracked("services/*model.py") if path.parent.name.isdecimal()]


@pytest.fixture(scope="module")
def pins() -> Pins:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_no_file_of_code_is_longer_than_it_may_be() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in written_by_hand()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_init_files_are_empty() -> None:
    assert [relative(path) for path in tracked("*__init__.py") if path.stat().st_size] == []


def test_no_module_is_named_after_nothing_in_particular() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [relative(path) for path in written_by_hand() if {path.stem, *path.parent.parts} & vague] == []


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [p for p in written_by_hand() if p.stat().st_size and not ast.get_docstring(ast.parse(p.read_text()))]
    assert [relative(path) for path in silent if "tests" not in path.parts] == []


@pytest.mark.parametrize("path", model_files(), ids=relative)
def test_a_model_is_self_contained(path: Path) -> None:
    ours = {"imago", "services", "gateway", "training", "deploy", "tests"}
    assert not set(imported_by(path)) & ours


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{relative(path)}:{node.lineno} imports its own folder, which Triton does not offer"
            )
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("config", tracked("services/**/config.pbtxt"), ids=relative)
def test_every_model_has_a_card(config: Path) -> None:
    assert (config.parent / "README.md").is_file()


def test_no_committed_file_is_too_large() -> None:
    sizes = {relative(path): path.stat().st_size for path in tracked()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}
    pictures = {
        name: size for name, size in sizes.items() if name.startswith("docs/") and name.endswith((".png", ".jpg"))
    }
    assert {name: size for name, size in pictures.items() if size > LARGEST_PICTURE} == {}


def test_no_pickle_is_committed() -> None:
    assert [relative(path) for path in tracked("*.pt", "*.pth", "*.pkl", "*.pickle", "*.joblib")] == []


def test_the_lock_holds_names_and_versions_only() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    assert lines == sorted(lines)


def test_every_dependency_is_locked_at_a_version_that_the_project_accepts(pins: Pins) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [entry for group in project["dependency-groups"].values() for entry in group if isinstance(entry, str)]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"], *groups]
    for requirement in map(Requirement, wanted):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, f"run `make lock` ({requirement})"


def test_this_environment_has_the_locked_versions(pins: Pins) -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    installed = dict(line.split("==") for line in listing.splitlines() if "==" in line)
    found = {str(canonicalize_name(name)): version for name, version in installed.items()}
    assert {name: found[name] for name in pins if name in found and found[name] != pins[name]} == {}, (
        "run `make install`"
    )


def test_links_between_documents_lead_somewhere() -> None:
    for document in tracked("*.md"):
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{relative(document)} links to {target}"
