"""Image files by class: a folder for each class, as in Fruits-360 and in sets of two animals, or one folder for all.

Fruits-360, in any of its versions, has `Training/` and `Test/` with a folder for each class, named like "Apple Red 1";
the version with original sizes has `Validation/` too. A set may lie some folders deeper, as archives are unpacked.
"""

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from training.data.examples import Example, ExampleSet
from training.data.faults import FaultKind, Findings, Split
from training.data.pictures import FORMATS, SUFFIXES
from training.errors import TrainingError

SPLITS: Mapping[str, Split] = {
    "training": "train",
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}
"""Folders of splits, in lower case."""

DEPTH = 3
"""Folders with nothing but one folder in them that are looked through."""


def class_folders(folder: Path) -> ExampleSet:
    """The images of a folder: of its splits' class folders, of its class folders, or, without classes, its own.

    Raises:
        TrainingError: there is no image in it.
    """
    root = _root(folder)
    splits = _splits(root)
    parts: list[tuple[Path, Split | None]] = [*splits] or [(root, None)]
    listed = [(split, inner) for part, split in parts for inner in _folders(part)]
    examples = [example for split, inner in listed for example in _examples(inner, root, inner.name, split)]
    labels = tuple(sorted({inner.name for _, inner in listed}))
    if not examples:
        labels = ()
        examples = [example for part, split in parts for example in _examples(part, root, None, split)]
    if not examples:
        raise TrainingError(f"{folder}: there is no image in it; images end in {', '.join(sorted(SUFFIXES))}")
    return ExampleSet(folder, examples, labels)


def read_upright(file: Path, findings: Findings) -> NDArray[np.uint8] | None:
    """Decode an image file as it is looked at: turned as EXIF says, transparent parts over white.

    Returns:
        uint8 (height, width, 3), RGB, or None after noting what is wrong; a file that breaks off is wrong.
    """
    try:
        if file.stat().st_size == 0:
            findings.add(FaultKind.EMPTY_FILE, file, "0 bytes")
            return None
        with Image.open(file, formats=FORMATS) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.has_transparency_data:
                seen = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
            return np.array(upright.convert("RGB"))
    except UnidentifiedImageError:
        findings.add(FaultKind.IMAGE_UNREADABLE, file, f"no {', '.join(FORMATS)} header")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        findings.add(FaultKind.IMAGE_UNREADABLE, file, str(error))
    return None


def has_pictures(folder: Path) -> bool:
    """Whether a folder, or one below it, has an image file."""
    return any(_pictures(folder))


def _root(folder: Path) -> Path:
    """Where the set begins: below folders that hold nothing but one folder."""
    root = folder
    for _ in range(DEPTH):
        inner = _folders(root)
        with_splits = [candidate for candidate in inner if _splits(candidate)]
        if _splits(root) or any(_own_pictures(root)):
            break
        if len(with_splits) == 1:
            root = with_splits[0]
        elif len(inner) == 1 and _folders(inner[0]):
            root = inner[0]
        else:
            break
    return root


def _splits(root: Path) -> list[tuple[Path, Split]]:
    """The folders of splits, if one to train on is among them."""
    found = [(inner, SPLITS[inner.name.lower()]) for inner in _folders(root) if inner.name.lower() in SPLITS]
    return found if any(split == "train" for _, split in found) else []


def _folders(folder: Path) -> list[Path]:
    return sorted(inner for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith("."))


def _examples(folder: Path, root: Path, label: str | None, split: Split | None) -> Iterator[Example]:
    pictures = _pictures(folder) if label is not None else _own_pictures(folder)
    for file in sorted(pictures):
        yield Example(str(file.relative_to(root)), label, split, partial(read_upright, file))


def _own_pictures(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _pictures(folder: Path) -> Iterator[Path]:
    """Image files at any depth; what macOS leaves beside them ("._x.jpg") is none."""
    for path, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(path, name)
