"""Annotated folders of any format: which it is, and one way to read and to write all."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from training.data.coco import is_coco, read_coco, write_coco
from training.data.faults import AnnotatedSet
from training.data.voc import is_voc, read_voc, write_voc
from training.data.yolo import is_yolo, read_yolo, write_yolo
from training.errors import TrainingError

PRESETS: Mapping[str, tuple[str, ...]] = {
    "face-masks": ("without_mask", "with_mask", "mask_weared_incorrect"),
    "hard-hats": ("helmet", "head", "person"),
}
"""The classes of the two sets that Kaggle publishes, by names that may stand for them."""


class Format(StrEnum):
    """How annotations are written."""

    VOC = "voc"
    YOLO = "yolo"
    COCO = "coco"


def is_annotated(folder: Path) -> bool:
    """Whether a folder holds an annotated set of any format."""
    return folder.is_dir() and any(fits(folder) for fits in (is_voc, is_yolo, is_coco))


def recognise(folder: Path) -> Format:
    """The format of a folder, by its layout.

    Raises:
        TrainingError: no such folder, or none of the layouts.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder}: there is no such folder")
    for name, fits in ((Format.VOC, is_voc), (Format.YOLO, is_yolo), (Format.COCO, is_coco)):
        if fits(folder):
            return name
    raise TrainingError(
        f"{folder}: no annotated set: it has neither annotations/*.xml (VOC) nor labels/ beside images/ (YOLO) "
        "nor annotations/*.json (COCO)"
    )


def read_set(
    folder: Path, *, classes: Sequence[str] = (), one_based: bool = False, strict: bool = False
) -> AnnotatedSet:
    """The set in a folder of any format.

    Args:
        folder: what `recognise` accepts.
        classes: labels that are known, in the order of their numbers; none: those of the folder.
        one_based: coordinates of VOC are those of true PASCAL VOC.
        strict: the first fault is an error.

    Raises:
        TrainingError: no known format; with `strict`, any fault.
    """
    match recognise(folder):
        case Format.VOC:
            return read_voc(folder, classes=classes, one_based=one_based, strict=strict)
        case Format.YOLO:
            return read_yolo(folder, classes=classes, strict=strict)
        case Format.COCO:
            return read_coco(folder, classes=classes, strict=strict)


def write_set(folder: Path, name: Format, content: AnnotatedSet, *, one_based: bool = False) -> None:
    """Write a set, images included, into a folder that is empty or not there yet.

    Raises:
        TrainingError: the folder has something in it, or two files would get the same name.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder}: must be a new or an empty folder, so that no two sets are mixed")
    match name:
        case Format.VOC:
            write_voc(folder, content.images, splits=content.splits, one_based=one_based)
        case Format.YOLO:
            write_yolo(folder, content.images, content.classes, splits=content.splits)
        case Format.COCO:
            write_coco(folder, content.images, content.classes, splits=content.splits)


def class_names(text: str) -> tuple[str, ...]:
    """Classes from `a,b,c`, or from the name of a preset.

    Raises:
        TrainingError: an empty name, or one that stands twice.
    """
    names = PRESETS.get(text) or tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise TrainingError(f"classes = '{text}': must be different names with commas, or one of {', '.join(PRESETS)}")
    return names
