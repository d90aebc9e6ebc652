"""What can be wrong with annotations: every fault is named with its file and its value, nothing is skipped silently.

Readers give an `AnnotatedSet`: the images that can be used and the faults of the rest. With `strict` the first fault
is a `TrainingError` instead.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from training.data.annotations import AnnotatedImage
from training.errors import TrainingError

Split = Literal["train", "validation", "test"]
NO_SPLITS: Mapping[Path, Split] = MappingProxyType({})


class FaultKind(StrEnum):
    """What is wrong; the text says what became of it."""

    BROKEN_FILE = "broken annotation file: skipped"
    EMPTY_FILE = "empty file: skipped"
    IMAGE_MISSING = "annotation without its image: skipped"
    IMAGE_UNREADABLE = "unreadable image: skipped"
    ANNOTATION_MISSING = "image without annotation: skipped"
    SECOND_ANNOTATION = "second annotation of an image: skipped"
    SIZE_MISMATCH = "annotated size is not the image's: image skipped"
    BROKEN_BOX = "box with missing or invalid values: skipped"
    ZERO_AREA = "box without area: skipped"
    OUTSIDE = "box outside the image: skipped"
    CLAMPED = "box partly outside the image: clamped"
    UNKNOWN_CLASS = "unknown class: box skipped"
    DUPLICATE_BOX = "duplicate box: skipped"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, the file that has it, and the value, for people."""

    kind: FaultKind
    file: Path
    value: str

    def __str__(self) -> str:
        return f"{self.file}: {self.kind}: {self.value}"


class Findings:
    """Collects the faults of one reading, or stops at the first."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._faults: list[Fault] = []

    def add(self, kind: FaultKind, file: Path, value: str) -> None:
        """Note a fault.

        Raises:
            TrainingError: the reading is strict.
        """
        fault = Fault(kind, file, value)
        if self._strict:
            raise TrainingError(str(fault))
        self._faults.append(fault)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """In the order in which they were found."""
        return tuple(self._faults)

    def by_file(self) -> tuple[Fault, ...]:
        """Sorted by file, where several threads read."""
        return tuple(sorted(self._faults, key=lambda fault: fault.file))


@dataclass(frozen=True, slots=True)
class AnnotatedSet:
    """What a folder of annotated images holds.

    Attributes:
        classes: labels in the order of their numbers, those without any box included.
        images: sorted by file; an image without boxes shows none of the classes.
        faults: what was skipped or changed.
        splits: which split the folder puts a file into; empty where the folder makes no difference.
    """

    classes: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    faults: tuple[Fault, ...] = ()
    splits: Mapping[Path, Split] = field(default_factory=lambda: NO_SPLITS)

    def of(self, split: Split) -> list[AnnotatedImage]:
        """The images that the folder puts into `split`."""
        return [image for image in self.images if self.splits.get(image.file) == split]

    def empty_classes(self) -> tuple[str, ...]:
        """Classes that no box has."""
        return tuple(label for label, count in box_counts(self.images, self.classes).items() if count == 0)


def box_counts(images: Sequence[AnnotatedImage], classes: Sequence[str]) -> dict[str, int]:
    """Boxes by class, in the order of `classes`, with zeros."""
    counts = Counter(box.label for image in images for box in image.boxes)
    return {label: counts[label] for label in classes}


def labels_of(images: Sequence[AnnotatedImage]) -> tuple[str, ...]:
    """All labels that the boxes have, sorted."""
    return tuple(sorted({box.label for image in images for box in image.boxes}))
