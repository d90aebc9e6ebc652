"""Image files of a data set: which they are, how large, and their copies."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from training.data.annotations import AnnotatedImage
from training.data.faults import FaultKind, Findings
from training.errors import TrainingError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")


def pictures_in(folder: Path) -> list[Path]:
    """The image files of a folder, by their endings, sorted."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def subfolder(folder: Path, *names: str) -> Path | None:
    """The folder reached by `names` from `folder`, in any case of letters (JPEGImages, images, Images)."""
    for name in names:
        found = [inner for inner in sorted(folder.iterdir()) if inner.name.lower() == name.lower() and inner.is_dir()]
        if not found:
            return None
        folder = found[0]
    return folder


def picture_size(file: Path, findings: Findings) -> tuple[int, int] | None:
    """Width and height in pixels as stored (no EXIF turn), from the file's header alone; None after noting a fault."""
    try:
        if file.stat().st_size == 0:
            findings.add(FaultKind.EMPTY_FILE, file, "0 bytes")
            return None
        with Image.open(file, formats=FORMATS) as picture:
            return picture.size
    except UnidentifiedImageError:
        findings.add(FaultKind.IMAGE_UNREADABLE, file, f"no {', '.join(FORMATS)} header")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        findings.add(FaultKind.IMAGE_UNREADABLE, file, str(error))
    return None


def copy_picture(file: Path, folder: Path) -> Path:
    """The picture in `folder`, copied unless it lies there already."""
    copy = folder / file.name
    if not (copy.exists() and copy.samefile(file)):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(file, copy)
        except OSError as error:
            raise TrainingError(f"{file}: cannot be copied to {copy}: {error.strerror}") from None
    return copy


def check_distinct(images: Sequence[AnnotatedImage], names: Iterable[str]) -> None:
    """Refuse images whose annotations would overwrite each other.

    Raises:
        TrainingError: two images share a name of `names`, which go along with `images`.
    """
    first: dict[str, Path] = {}
    for image, name in zip(images, names, strict=True):
        if other := first.get(name):
            raise TrainingError(f"{image.file} and {other} would both be written as '{name}': rename one")
        first[name] = image.file


def check_labels(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> None:
    """Refuse boxes that have no number.

    Raises:
        TrainingError: a box has none of `classes`.
    """
    for image in images:
        for box in image.boxes:
            if box.label not in classes:
                raise TrainingError(f"{image.file}: the label '{box.label}' is none of {', '.join(classes)}")


def read_pixels(file: Path) -> NDArray[np.uint8]:
    """Decode an image: uint8 height x width x 3, RGB, as stored (no EXIF turn), like the boxes of annotations.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    pixels = cv2.imread(str(file), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise TrainingError(f"{file}: cannot be read as an image")
    return np.ascontiguousarray(pixels[:, :, ::-1], np.uint8)
