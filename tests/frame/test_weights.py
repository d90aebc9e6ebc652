"""Committed weights: how much of a clone they may take, and under which licences. History counts, so they are few."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
BUDGET = {"detector": 6, "generator": 12, "translator": 22, "recognizer": 15, "face_models": 5}
"""MiB of each repository; what several services share has the spare 5."""
LARGEST = 15 * MIB
COPYLEFT = "AGPL-3.0"


def committed() -> list[Path]:
    """Files of the model repositories that are in git or would be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"]
    repositories = ["services/*/models/*", "services/face_models/*"]
    names = subprocess.run(command + repositories, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()})


def model_folders() -> list[Path]:
    return sorted({path.parent for path in committed() if path.name == "config.pbtxt"})


def model_files() -> Iterator[tuple[str, Path]]:
    """Whatever lies in a version's folder and is no code, with the name of its repository."""
    for path in committed():
        if path.suffix != ".py" and any(parent.name.isdecimal() for parent in path.parents):
            yield path.relative_to(ROOT / "services").parts[0], path


def config_of(folder: Path) -> ModelConfig:
    return text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())


def licence_of(folder: Path) -> str:
    return str(config_of(folder).parameters["imago.licence"].string_value)


def test_weights_stay_within_the_budget_of_their_repository() -> None:
    sizes: Counter[str] = Counter()
    for repository, path in model_files():
        sizes[repository] += path.stat().st_size
    assert set(sizes) <= set(BUDGET)
    assert {name: size for name, size in sizes.items() if size > BUDGET[name] * MIB} == {}


def test_no_file_of_weights_is_too_large() -> None:
    assert {path.name: path.stat().st_size for _, path in model_files() if path.stat().st_size > LARGEST} == {}


@pytest.mark.parametrize("folder", model_folders(), ids=lambda folder: folder.name)
def test_every_model_has_a_card_that_names_its_licence(folder: Path) -> None:
    assert licence_of(folder)
    row = re.search(r"^\| Licence \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert row, f"the card of {folder.name} has no row 'Licence'"
    if list(folder.glob("*/*.onnx")):
        assert licence_of(folder) in row[1]


@pytest.mark.parametrize("folder", model_folders(), ids=lambda folder: folder.name)
def test_copyleft_weights_bring_their_licence_and_no_other_folder_has_them(folder: Path) -> None:
    declared = {licence_of(folder)}
    for path in folder.glob("*/*.onnx"):
        notes = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        declared |= {notes["licence"]} if "licence" in notes else set()
    assert len(declared) == 1, f"{folder.name}: the configuration and the graph name different licences: {declared}"
    if declared == {COPYLEFT}:
        assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (folder / "LICENSE").read_text()


def test_the_service_has_a_permissively_licensed_model_beside_every_copyleft_one() -> None:
    licences: dict[tuple[Path, str], set[str]] = {}
    for folder in model_folders():
        task = config_of(folder).parameters["imago.task"].string_value
        licences.setdefault((folder.parent, task), set()).add(licence_of(folder))
    assert [place for place, found in licences.items() if found == {COPYLEFT}] == []
