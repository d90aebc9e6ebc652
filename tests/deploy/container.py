"""What a Dockerfile puts into its image, as a folder and a set of packages of this machine."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted([*ROOT.glob("services/*/Dockerfile"), ROOT / "gateway" / "Dockerfile"])

BOUNDARY = '''
import sys

class OutsideTheImage:
    """Refuses what the container does not have installed, as an import there would fail."""

    def find_spec(self, name, path=None, target=None):
        if name in {forbidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} in the image", name=name)

sys.path = [entry for entry in sys.path if entry not in {hidden!r}]
sys.meta_path.insert(0, OutsideTheImage())
'''
"""A sitecustomize module: every Python process below, models' child processes included, starts with it."""


def final_stage(dockerfile: Path) -> list[tuple[str, str]]:
    """Instructions of the last stage, as (NAME, rest of the line), continuation lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.partition(" ") for line in text.splitlines() if line.strip()]
    last = max(index for index, (name, _, _) in enumerate(lines) if name == "FROM")
    return [(name, rest) for name, _, rest in lines[last:]]


def copy_into(folder: Path, dockerfile: Path) -> None:
    """Do what the last stage's COPY instructions do with the working tree; `folder` is its WORKDIR."""
    for name, rest in final_stage(dockerfile):
        if name == "COPY" and not rest.startswith("--from="):
            *sources, target = shlex.split(rest)
            for source in sources:
                _copy(ROOT / source, folder / target, is_folder=target.endswith("/"))


def _copy(source: Path, target: Path, *, is_folder: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "Dockerfile"), dirs_exist_ok=True)
    else:
        target = target / source.name if is_folder else target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def group_of(dockerfile: Path) -> str:
    """The dependency group that the build stage installs."""
    found = re.search(r"--group (\w+)", dockerfile.read_text())
    assert found, f"{dockerfile} installs no dependency group"
    return found[1]


def boundary(group: str) -> str:
    """A sitecustomize module that hides every installed package outside of what `group` pulls in."""
    inside = set(closure(group))
    forbidden = {
        module
        for module, owners in packages_distributions().items()
        if not inside & {canonicalize_name(owner) for owner in owners}
    }
    hidden = [str(ROOT), str(ROOT / "protos")]
    return BOUNDARY.format(forbidden=forbidden - {"imago"}, hidden=hidden)


def closure(group: str) -> Iterator[str]:
    """Canonical names of all packages that `pip install --group` would install here."""
    todo, seen = list(named_by(group)), set()
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), *sorted(requirement.extras))
        if key in seen or not _applies(requirement):
            continue
        seen.add(key)
        yield key[0]
        todo += _needs(requirement)


def named_by(group: str) -> Iterator[Requirement]:
    """What a dependency group lists, groups that it includes unfolded."""
    yield from _requirements(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"], group)


def _requirements(groups: dict[str, list[Any]], group: str) -> Iterator[Requirement]:
    for entry in groups[group]:
        if isinstance(entry, dict):
            yield from _requirements(groups, entry["include-group"])
        else:
            yield Requirement(entry)


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _needs(requirement: Requirement) -> Iterator[Requirement]:
    try:
        lines = requires(requirement.name) or []
    except PackageNotFoundError:
        return
    for needed in map(Requirement, lines):
        wanted = [{"extra": extra} for extra in ("", *requirement.extras)]
        if needed.marker is None or any(needed.marker.evaluate(extra) for extra in wanted):
            needed.marker = None
            yield needed
