"""What every annotation format says: which labelled boxes an image has.

Boxes are continuous edges in pixels of the image as stored: x_min, y_min, x_max, y_max, the last two exclusive. A box
from column 3 to column 7, both inclusive and counted from 0, is (3, .., 8, ..). The readers and writers of the formats
(`voc`, `yolo`, `coco`) translate to and from this; nothing else in the project knows their conventions.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One object of one image.

    Attributes:
        label: the class's name, e.g. "with_mask".
        edges: x_min, y_min, x_max, y_max in pixels, continuous.
        difficult: VOC's mark for objects that an evaluation should not count.
    """

    label: str
    edges: tuple[float, float, float, float]
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One image file with its size in pixels and its objects, in the order of the annotation file."""

    file: Path
    width: int
    height: int
    boxes: tuple[LabelledBox, ...]
