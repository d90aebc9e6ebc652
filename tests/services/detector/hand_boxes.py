"""Faces of real photographs, noted by hand: from the brows to the chin and from ear to ear, in pixels."""

from pathlib import Path

from tests.photographs import astronaut, bus, zidane

ASTRONAUT = (178, 74, 270, 178)
ZIDANE_LEFT = (525, 255, 665, 450)
ZIDANE_RIGHT = (902, 110, 1060, 285)
BUS_LEFT = (112, 420, 156, 472)
BUS_RIGHT = (269, 421, 306, 473)

CASES: tuple[tuple[Path, str, int, list[tuple[int, int, int, int]]], ...] = (
    (astronaut(), "face_hog", 0, [ASTRONAUT]),
    (astronaut(), "face_mmod", 0, [ASTRONAUT]),
    (astronaut(), "face_haar", 0, [ASTRONAUT]),
    (zidane(), "face_hog", 0, [ZIDANE_RIGHT]),
    (zidane(), "face_mmod", 0, [ZIDANE_RIGHT, ZIDANE_LEFT]),
    (zidane(), "face_haar", 0, [ZIDANE_RIGHT]),
    (bus(), "face_hog", 1, [BUS_LEFT, BUS_RIGHT]),
    (bus(), "face_mmod", 1, [BUS_LEFT, BUS_RIGHT]),
    (bus(), "face_haar", 0, []),
)
"""Photograph, model, upsampling, and every face that is found: no more and no fewer."""

OVERLAP = 0.5
"""Least intersection over union of a face that counts as found."""
NOTICEABLE = 0.3
"""A box above this score must be a face that was noted; Haar scores every box 1."""
