"""Tiny annotated sets for the tests of the formats: files on disk, and annotations made by hypothesis."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from training.data.annotations import AnnotatedImage, LabelledBox

CLASSES = ("without_mask", "with_mask", "mask_weared_incorrect")
LABELS = st.sampled_from(CLASSES)


def picture(file: Path, width: int = 40, height: int = 30) -> Path:
    """A picture of one colour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), np.full((height, width, 3), 120, np.uint8))
    return file


def box(label: str = "with_mask", *edges: float, difficult: bool = False) -> LabelledBox:
    x_min, y_min, x_max, y_max = edges or (3.0, 4.0, 13.0, 24.0)
    return LabelledBox(label, (x_min, y_min, x_max, y_max), difficult)


def image(file: Path, *boxes: LabelledBox, width: int = 40, height: int = 30) -> AnnotatedImage:
    """An annotated picture that is written to `file`."""
    return AnnotatedImage(picture(file, width, height), width, height, boxes)


def intervals(side: int, least: float) -> st.SearchStrategy[tuple[float, float]]:
    """Two floats of 0..side, any bits, at least `least` apart."""
    edge = st.floats(0, side, allow_nan=False)
    pairs = st.tuples(edge, edge).map(lambda pair: (min(pair), max(pair)))
    return pairs.filter(lambda pair: pair[1] - pair[0] > least)


def boxes_within(
    width: int, height: int, *, least: float = 0.0, difficult: bool = True
) -> st.SearchStrategy[tuple[LabelledBox, ...]]:
    """Distinct boxes inside an image."""
    made = st.builds(
        lambda label, x, y, mark: LabelledBox(label, (x[0], y[0], x[1], y[1]), mark),
        LABELS,
        intervals(width, least),
        intervals(height, least),
        st.booleans() if difficult else st.just(False),
    )
    return st.lists(made, max_size=5, unique=True).map(tuple)


def contents(images: list[AnnotatedImage] | tuple[AnnotatedImage, ...]) -> dict[str, tuple[int, int, object]]:
    """What a set says, by name, wherever its files lie."""
    return {image.file.name: (image.width, image.height, image.boxes) for image in images}
