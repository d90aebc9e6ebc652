"""Writes a finished model folder into a model repository, whole or not at all."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import onnx
from google.protobuf import text_format

from training.errors import TrainingError
from training.export.configuration import LABELS_FILE, Interface, same_interface

CONFIG_FILE = "config.pbtxt"
CARD_FILE = "README.md"
MODEL_FILE = "model.onnx"
PROGRAM_FILE, STEP_FILE = "model.py", "step.onnx"
LICENCE_FILE = "LICENSE"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model goes: `repository/name/version`. `force` replaces that version where it exists."""

    repository: Path
    name: str
    version: int = 1
    force: bool = False

    @property
    def folder(self) -> Path:
        return self.repository / self.name

    def check(self) -> None:
        """Say before the work begins what would stop it at its end.

        Raises:
            TrainingError: no name for a model, no number for a version, or the version exists and `force` is not set.
        """
        if not _NAME.fullmatch(self.name):
            raise TrainingError(f"--name '{self.name}': a model's name has 1 to 64 letters, digits, '_', '.' or '-'")
        if self.version < 1:
            raise TrainingError(f"--version {self.version}: versions are numbered from 1")
        if self.folder.exists() and not (self.folder / CONFIG_FILE).is_file():
            raise TrainingError(f"{self.folder} exists and is no model: it has no {CONFIG_FILE}")
        if (self.folder / str(self.version)).exists() and not self.force:
            raise TrainingError(f"{self.folder} already has version {self.version}; --force replaces it")


@dataclass(frozen=True, slots=True)
class Card:
    """The model card: the text of the folder's `README.md`, and the pictures that it shows, by file name."""

    text: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def write_model(place: Place, interface: Interface, model: onnx.ModelProto, card: Card, program: str = "") -> Path:
    """Write configuration, labels, card and graph, with the licence's text where it must go along.

    Other versions that the folder has stay, and share the new configuration, labels and card.

    Args:
        place: where to.
        interface: what the configuration says.
        model: the graph.
        card: text and pictures.
        program: the text of a `model.py` that runs the graph, which is then one step of it.

    Returns:
        The model's folder.

    Raises:
        TrainingError: as `Place.check`; other versions take or give other tensors; labels and graph disagree.
    """
    place.check()
    files = {CONFIG_FILE: interface.config_text(model), CARD_FILE: card.text}
    if interface.labels:
        files[LABELS_FILE] = "".join(f"{label}\n" for label in interface.labels)
    if interface.licence.startswith("AGPL"):
        files[LICENCE_FILE] = agpl_text()
    kept = _other_versions(place)
    _check_interface(place, kept, files)
    try:
        place.repository.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.repository) as workshop:
            fresh = Path(workshop) / "new"
            graph = fresh / str(place.version) / (STEP_FILE if program else MODEL_FILE)
            graph.parent.mkdir(parents=True)
            if program:
                (graph.parent / PROGRAM_FILE).write_text(program, encoding="utf-8")
            graph.write_bytes(model.SerializeToString(deterministic=True))
            for name, text in files.items():
                (fresh / name).write_text(text, encoding="utf-8")
            for name, picture in card.pictures.items():
                (fresh / name).write_bytes(picture)
            for version in kept:
                shutil.copytree(version, fresh / version.name)
            _move_into_place(fresh, place.folder, Path(workshop) / "old")
    except OSError as error:
        raise TrainingError(f"{place.folder} cannot be written: {error}") from error
    return place.folder


def _move_into_place(fresh: Path, folder: Path, old: Path) -> None:
    """At every moment either the old folder or the new one is whole somewhere in the repository."""
    if not folder.exists():
        fresh.rename(folder)
        return
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise


def _other_versions(place: Place) -> list[Path]:
    if not place.folder.is_dir():
        return []
    found = (path for path in place.folder.iterdir() if path.is_dir() and path.name.isdecimal())
    return sorted(path for path in found if path.name != str(place.version))


def _check_interface(place: Place, kept: Sequence[Path], files: dict[str, str]) -> None:
    """One configuration stands for every version of a model."""
    if not kept:
        return
    numbers = ", ".join(version.name for version in kept)
    try:
        same = same_interface((place.folder / CONFIG_FILE).read_text(encoding="utf-8"), files[CONFIG_FILE])
        labels = place.folder / LABELS_FILE
        same = same and (labels.read_text(encoding="utf-8") if labels.exists() else "") == files.get(LABELS_FILE, "")
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise TrainingError(f"{place.folder} is damaged: {error}") from None
    if not same:
        raise TrainingError(
            f"{place.folder}: version {numbers} has other inputs, outputs or labels than the new version "
            f"{place.version}, and one configuration must stand for all; choose another --name"
        )


def agpl_text() -> str:
    """The text of the GNU Affero General Public License, as ultralytics brings it.

    Raises:
        TrainingError: ultralytics is not installed, or comes without it.
    """
    try:
        files = distribution("ultralytics").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == LICENCE_FILE:
            return file.read_text()
    raise TrainingError("the text of AGPL-3.0 must go along with the model, but ultralytics, which has it, is missing")
