"""The rule keeps what every witness is for, says why it drops the rest, and does the same again."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.training.metrics.colours import CLASSES
from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.metrics.intervals import interval
from training.metrics.judged import Opinion
from training.metrics.selection import Evidence, Rule, select, write_selection

RULE = Rule(critic_quantile=0.2, least_distance=0.5, classes=CLASSES)
EVIDENCE = Evidence(
    critic=np.array([-9.0, 1, 2, 3, 4, 5]),
    said=Opinion(
        np.zeros((6, 1)),
        np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0.6, 0.3, 0.1], [0.9, 0.1, 0], [0.9, 0, 0.1], [0, 0.85, 0.15]]),
        CLASSES,
    ),
    distance=np.array([1.0, 1, 1, 0.1, 1, 1]),
)
REASONS = ("critic", "class", "confidence", "copy", "", "")


def images(classes: tuple[str, ...], labels: list[int]) -> ClassifiedImages:
    names = [f"seed 0, image {number}" for number in range(6)]
    return ClassifiedImages(np.zeros((6, 2, 2, 3), np.uint8), np.array(labels), classes, names)


def test_each_dropped_image_has_its_reason_and_the_critics_favourites_come_first() -> None:
    selection = select(images(CLASSES, [0, 0, 0, 0, 0, 1]), EVIDENCE, RULE)
    assert selection.reasons == REASONS
    assert selection.kept.tolist() == [5, 4]


def test_images_that_were_not_asked_for_a_class_may_be_of_any() -> None:
    reasons = select(images(("any",), [0] * 6), EVIDENCE, RULE).reasons
    assert reasons == ("critic", "", "confidence", "copy", "", "")


def test_the_log_has_every_image_with_its_numbers(tmp_path: Path) -> None:
    asked = images(CLASSES, [0, 0, 0, 0, 0, 1])
    write_selection(asked, EVIDENCE, select(asked, EVIDENCE, RULE), tmp_path / "new" / "selection.csv")
    with (tmp_path / "new" / "selection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reason"] for row in rows] == list(REASONS)
    assert [row["kept"] for row in rows] == ["0", "0", "0", "0", "1", "1"]
    assert (rows[1]["image"], rows[1]["asked"], rows[1]["judge"]) == ("seed 0, image 1", "red", "green")
    assert float(rows[3]["distance"]) == 0.1


def test_a_quantile_beyond_1_is_refused() -> None:
    with pytest.raises(TrainingError, match="critic_quantile = 1.5"):
        select(images(CLASSES, [0] * 6), EVIDENCE, Rule(1.5, 0, CLASSES))


def test_three_runs_have_a_wide_interval_and_one_has_none() -> None:
    three = interval([1.0, 2.0, 3.0])
    assert three.low == pytest.approx(2 - 4.302653 / 3**0.5)  # Student's t with 2 degrees of freedom, deviation 1
    assert str(three) == "2 [-0.4841, 4.484]"
    assert (interval([1.5]).low, str(interval([1.5]))) == (None, "1.5")
