"""Which boxes of an annotation file count: the same checks for every format."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.annotations import LabelledBox
from training.data.faults import FaultKind, Findings

Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Checks:
    """What the boxes of one image are checked against.

    Attributes:
        file: the annotation file, for the faults.
        size: width and height of the image in pixels.
        classes: labels that are known; none: every label is.
        findings: where faults go.
        image: the image's name, where the annotation file has those of several.
        rounding: share of the side that an edge may lie outside because the format rounds; no fault, only clamped.
    """

    file: Path
    size: tuple[int, int]
    classes: Sequence[str]
    findings: Findings
    image: str = ""
    rounding: float = 0.0

    def accept(self, boxes: Sequence[LabelledBox]) -> tuple[LabelledBox, ...]:
        """The boxes that count, in their order; every other one is noted."""
        accepted: dict[LabelledBox, None] = {}
        for box in boxes:
            good = self._accept(box)
            if good is not None and good in accepted:
                self._note(FaultKind.DUPLICATE_BOX, box)
            elif good is not None:
                accepted[good] = None
        return tuple(accepted)

    def _accept(self, box: LabelledBox) -> LabelledBox | None:
        clamped = self._clamp(box.edges)
        kind = self._fault(box, clamped)
        if kind is not None:
            self._note(kind, box)
        if kind not in {None, FaultKind.CLAMPED}:
            return None
        return box if clamped == box.edges else LabelledBox(box.label, clamped, box.difficult)

    def _fault(self, box: LabelledBox, clamped: Edges) -> FaultKind | None:
        if self.classes and box.label not in self.classes:
            return FaultKind.UNKNOWN_CLASS
        if not all(map(math.isfinite, box.edges)):
            return FaultKind.BROKEN_BOX
        if not _has_area(box.edges):
            return FaultKind.ZERO_AREA
        if not _has_area(clamped):
            return FaultKind.OUTSIDE
        return None if self._is_rounding(box.edges, clamped) else FaultKind.CLAMPED

    def _clamp(self, edges: Edges) -> Edges:
        width, height = self.size
        x_min, y_min, x_max, y_max = edges
        return max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(width)), min(y_max, float(height))

    def _is_rounding(self, edges: Edges, clamped: Edges) -> bool:
        sides = (*self.size, *self.size)
        return all(abs(a - b) <= self.rounding * side for a, b, side in zip(edges, clamped, sides, strict=True))

    def _note(self, kind: FaultKind, box: LabelledBox) -> None:
        edges = ", ".join(f"{edge:g}" for edge in box.edges)
        self.findings.add(
            kind, self.file, f"'{box.label}' ({edges}) in {self.image or 'an image'} of {self.size[0]}x{self.size[1]}"
        )


def _has_area(edges: Edges) -> bool:
    x_min, y_min, x_max, y_max = edges
    return x_min < x_max and y_min < y_max
