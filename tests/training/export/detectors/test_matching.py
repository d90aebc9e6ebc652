"""Two sets of detections are equal when each detection has its equal, whichever of two equals suppression kept."""

import numpy as np

from training.export.detectors.matching import Found, Tolerance, above, match, suppressed

TOLERANCE = Tolerance(iou=0.99, score=0.01)


def found(*rows: tuple[tuple[float, float, float, float], float, int]) -> Found:
    edges, scores, labels = zip(*rows, strict=True) if rows else ([], [], [])
    return Found(np.array(edges, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(labels, np.int64))


SQUARE = (0.0, 0.0, 100.0, 100.0)
SHIFTED = (10.0, 0.0, 110.0, 100.0)


def test_the_same_detection_is_its_equal() -> None:
    result = match(found((SQUARE, 0.9, 0)), found((SHIFTED, 0.9, 0), (SQUARE, 0.895, 0)), found(), TOLERANCE)
    assert (result.lost.tolist(), result.ties.tolist(), result.overlaps.tolist()) == ([False], [False], [1.0])
    np.testing.assert_allclose(result.differences, [0.005], atol=1e-6)


def test_another_label_score_or_place_is_no_equal() -> None:
    for other in ((SQUARE, 0.9, 1), (SQUARE, 0.88, 0), ((0.0, 0.0, 100.0, 98.0), 0.9, 0)):
        assert match(found((SQUARE, 0.9, 0)), found(other), found(other), TOLERANCE).lost.tolist() == [True]


def test_an_equal_that_lost_a_tie_is_an_equal() -> None:
    candidates = found((SQUARE, 0.9, 0), (SHIFTED, 0.902, 0))
    result = match(found((SQUARE, 0.9, 0)), suppressed(candidates), candidates, TOLERANCE)
    assert (result.lost.tolist(), result.ties.tolist()) == ([False], [True])


def test_an_equal_that_was_suppressed_without_a_tie_is_lost() -> None:
    candidates = found((SQUARE, 0.9, 0), (SHIFTED, 0.95, 0))
    assert match(found((SQUARE, 0.9, 0)), suppressed(candidates), candidates, TOLERANCE).lost.tolist() == [True]


def test_nothing_to_find_and_nothing_found() -> None:
    assert match(found(), found((SQUARE, 0.9, 0)), found(), TOLERANCE).lost.tolist() == []
    assert match(found((SQUARE, 0.9, 0)), found(), found(), TOLERANCE).lost.tolist() == [True]


def test_a_candidate_counts_for_every_class_that_reaches_the_threshold() -> None:
    boxes, scores = np.array([SQUARE, SHIFTED], np.float32), np.array([[0.9, 0.6], [0.2, 0.5]], np.float32)
    pairs = above((boxes, scores), 0.5)
    assert pairs.labels.tolist() == [0, 1, 1]
    np.testing.assert_allclose(suppressed(pairs).scores, [0.9, 0.6])
