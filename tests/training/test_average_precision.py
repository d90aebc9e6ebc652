"""Scores are COCO's; a class without objects has none."""

import pytest
import torch
from torch import Tensor

from training.average_precision import average_precision

CLASSES = ("cat", "dog", "cow")


def found(*boxes: tuple[float, float, float, float], labels: list[int], scores: list[float]) -> dict[str, Tensor]:
    edges = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return {"boxes": edges, "labels": torch.tensor(labels), "scores": torch.tensor(scores)}


def true(
    *boxes: tuple[float, float, float, float], labels: list[int], crowd: list[int] | None = None
) -> dict[str, Tensor]:
    edges = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return {"boxes": edges, "labels": torch.tensor(labels), "iscrowd": torch.tensor(crowd or [0] * len(labels))}


A, B, C = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 40.0, 40.0), (50.0, 50.0, 60.0, 60.0)


def test_finding_everything_is_1_and_an_absent_class_is_none() -> None:
    scores = average_precision([found(A, B, labels=[0, 1], scores=[0.9, 0.8])], [true(A, B, labels=[0, 1])], CLASSES)
    assert scores == pytest.approx({"mAP50": 1, "mAP50-95": 1, "AP50/cat": 1, "AP50/dog": 1, "AP50/cow": None})


def test_a_box_of_two_thirds_counts_up_to_that_overlap() -> None:
    close = (0.0, 0.0, 10.0, 6.6)  # overlap 0.66: right at 0.5, 0.55, 0.6 and 0.65 of ten
    scores = average_precision([found(close, labels=[0], scores=[0.9])], [true(A, labels=[0])], CLASSES)
    assert (scores["mAP50"], scores["mAP50-95"]) == pytest.approx((1, 0.4))


def test_the_wrong_label_finds_nothing() -> None:
    scores = average_precision([found(A, labels=[1], scores=[0.9])], [true(A, labels=[0])], CLASSES)
    assert scores["AP50/cat"] == 0
    assert scores["AP50/dog"] is None


def test_a_false_alarm_above_the_true_one_halves_the_precision() -> None:
    scores = average_precision([found(C, A, labels=[0, 0], scores=[0.9, 0.8])], [true(A, labels=[0])], CLASSES)
    assert scores["AP50/cat"] == pytest.approx(0.5)


def test_difficult_objects_neither_count_nor_hurt() -> None:
    truth = [true(A, C, labels=[0, 0], crowd=[0, 1])]
    with_it = average_precision([found(C, A, labels=[0, 0], scores=[0.9, 0.8])], truth, CLASSES)
    without = average_precision([found(A, labels=[0], scores=[0.8])], truth, CLASSES)
    assert with_it["AP50/cat"] == without["AP50/cat"] == pytest.approx(1)


def test_images_without_objects_and_detections_have_no_scores() -> None:
    scores = average_precision([found(labels=[], scores=[])], [true(labels=[])], CLASSES)
    assert set(scores.values()) == {None}
