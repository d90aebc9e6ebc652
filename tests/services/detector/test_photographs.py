"""The three detectors on real photographs, through the service, against boxes noted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.runtime.geometry import iou_matrix
from tests.photographs import zidane
from tests.services.detector.hand_boxes import CASES, NOTICEABLE, OVERLAP

MMOD_LIMIT_S = 3.0


@pytest.mark.timeout(300)  # MMOD searches the doubled bus for half a minute, on a machine that does nothing else
@pytest.mark.parametrize(
    ("photograph", "model", "upsample", "faces"),
    CASES,
    ids=lambda value: value.stem if isinstance(value, Path) else None,
)
def test_a_detector_finds_the_faces_of_a_photograph_and_nothing_else(
    detect_faces: Any, photograph: Path, model: str, upsample: int, faces: list[tuple[float, ...]]
) -> None:
    response = detect_faces(photograph.read_bytes(), model=model, upsample=upsample)
    boxes = np.array([[d.box.x_min, d.box.y_min, d.box.x_max, d.box.y_max] for d in response.detections]).reshape(-1, 4)
    overlaps = iou_matrix(boxes, np.array(faces, float).reshape(-1, 4))
    assert [row.max() for row in overlaps.T if row.max(initial=0) < OVERLAP] == []
    strays = [d for d, row in zip(response.detections, overlaps, strict=True) if row.max(initial=0) < OVERLAP]
    assert [stray.score for stray in strays if stray.score > NOTICEABLE] == []
    assert all(detection.label == "face" for detection in response.detections)


def test_mmod_answers_a_photograph_of_1280x720_within_ten_times_its_promise(detect_faces: Any) -> None:
    response = detect_faces(zidane().read_bytes(), model="face_mmod")
    assert response.timing.models[0].compute_us / 1e6 < 10 * MMOD_LIMIT_S
