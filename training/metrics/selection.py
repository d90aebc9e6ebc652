"""Which generated images are good enough to be used: a rule that gives the same images again, with its reasons.

The paper kept images that fooled the critic and then chose by eye. Here an image is kept when the critic finds it more
real than most, the judge recognises it, and it is no copy of a training image; every number is logged.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.metrics.frechet import Features
from training.metrics.judged import CONFIDENT, Opinion

COLUMNS = ("image", "asked", "critic", "judge", "confidence", "distance", "kept", "reason")


@dataclass(frozen=True, slots=True)
class Rule:
    """When an image is kept.

    Attributes:
        critic_quantile: share of the images that the critic finds less real than the least one kept, 0..1.
        confidence: least probability of the judge's class, 0..1.
        least_distance: to the nearest training image in the judge's features; nearer ones are copies.
        classes: what the judge may find; where images were asked by class, it must find that.
    """

    critic_quantile: float
    least_distance: float
    classes: tuple[str, ...]
    confidence: float = CONFIDENT


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each of n images.

    Attributes:
        critic: float64 (n,), more is more real.
        said: the judge's opinion.
        distance: float64 (n,), to the nearest training image.
    """

    critic: Features
    said: Opinion
    distance: Features


@dataclass(frozen=True, slots=True)
class Selection:
    """What a rule does with n images.

    Attributes:
        kept: numbers of the images that are kept, the critic's favourites first.
        reasons: (n,) why each other image is not kept; empty for those that are.
    """

    kept: NDArray[np.int64]
    reasons: tuple[str, ...]


def select(images: ClassifiedImages, evidence: Evidence, rule: Rule) -> Selection:
    """Apply a rule.

    Raises:
        TrainingError: the quantile is not within 0..1.
    """
    if not 0 <= rule.critic_quantile <= 1:
        raise TrainingError(f"critic_quantile = {rule.critic_quantile}: must be from 0 to 1")
    least = float(np.quantile(evidence.critic, rule.critic_quantile))
    names, confidence = evidence.said.names, evidence.said.confidence
    reasons = []
    for number, asked in enumerate(_allowed(images, rule)):
        if evidence.critic[number] < least:
            reasons.append("critic")
        elif names[number] not in asked:
            reasons.append("class")
        elif confidence[number] < rule.confidence:
            reasons.append("confidence")
        else:
            reasons.append("copy" if evidence.distance[number] < rule.least_distance else "")
    order = np.argsort(-evidence.critic, kind="stable")
    kept = [number for number in order.tolist() if not reasons[number]]
    return Selection(np.array(kept, np.int64), tuple(reasons))


def write_selection(images: ClassifiedImages, evidence: Evidence, selection: Selection, file: Path) -> None:
    """Log every image with its numbers as CSV, one row each, in their own order.

    Raises:
        TrainingError: the file cannot be written.
    """
    rows = [
        (
            images.names[number],
            images.classes[images.labels[number]],
            f"{evidence.critic[number]:.6g}",
            evidence.said.names[number],
            f"{evidence.said.confidence[number]:.6g}",
            f"{evidence.distance[number]:.6g}",
            int(not reason),
            reason,
        )
        for number, reason in enumerate(selection.reasons)
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
    except OSError as error:
        raise TrainingError(f"{file}: {error.strerror}") from None


def _allowed(images: ClassifiedImages, rule: Rule) -> list[Sequence[str]]:
    """The classes that the judge may find in each image."""
    by_class = set(images.classes) <= set(rule.classes)
    return [[images.classes[label]] if by_class else rule.classes for label in images.labels.tolist()]
