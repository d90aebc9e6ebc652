"""When two sets of detections are equal: each detection of one has its equal in the other."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms, box_iou

from training.export.detectors.engines import Candidates

SUPPRESSION_IOU = 0.5
LEAST_SIDE = 1.0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Two detections of one label are equal with at least this overlap and at most this difference of scores."""

    iou: float
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """Detections: edges n x 4 in pixels, scores and labels n."""

    edges: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> "Found":
        return Found(self.edges[kept], self.scores[kept], self.labels[kept])

    def objects(self, score: float) -> "Found":
        """Those of at least this score whose sides have a pixel: overlaps of narrower ones mean nothing."""
        sides = self.edges[:, 2:] - self.edges[:, :2]
        return self.where((self.scores >= score) & (sides >= LEAST_SIDE).all(1))

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of each wanted detection: its equal's overlap and difference of scores, and how it was found.

    A tie: the other side has the equal among its candidates, but its suppression kept an overlapping one of the same
    score instead. `lost` has no equal at all.
    """

    overlaps: NDArray[np.float64]
    differences: NDArray[np.float64]
    ties: NDArray[np.bool_]
    lost: NDArray[np.bool_]


def above(candidates: Candidates, threshold: float) -> Found:
    """Every pair of a candidate and a class whose score reaches the threshold; candidates of one image."""
    rows, labels = np.nonzero(candidates[1] >= threshold)
    return Found(candidates[0][rows], candidates[1][rows, labels], labels)


def suppressed(found: Found) -> Found:
    """What is left of detections after greedy suppression within each label, best first."""
    tensors = [torch.from_numpy(values) for values in (found.edges, found.scores, found.labels)]
    return found.where(batched_nms(*tensors, SUPPRESSION_IOU).numpy())


def match(wanted: Found, offered: Found, candidates: Found, tolerance: Tolerance) -> Matches:
    """Look for each wanted detection among the other side's detections, then among its candidates.

    Args:
        wanted: one side's detections.
        offered: the other side's, down to `tolerance.score` below the threshold of `wanted`.
        candidates: what `offered` was before suppression.
        tolerance: what counts as equal.
    """
    overlaps, differences = _nearest(wanted, offered, tolerance)
    missing = overlaps < tolerance.iou
    wide, wide_differences = _nearest(wanted, candidates, tolerance)
    ties = missing & (wide >= tolerance.iou) & (overlaps > SUPPRESSION_IOU)
    return Matches(
        overlaps=np.where(ties, wide, overlaps),
        differences=np.where(ties, wide_differences, differences),
        ties=ties,
        lost=missing & ~ties,
    )


def _nearest(wanted: Found, offered: Found, tolerance: Tolerance) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each wanted detection the largest overlap with one of its label and score, and their difference of scores."""
    if not len(wanted) or not len(offered):
        return np.zeros(len(wanted)), np.zeros(len(wanted))
    differences = np.abs(wanted.scores[:, None].astype(np.float64) - offered.scores[None])
    alike = (wanted.labels[:, None] == offered.labels[None]) & (differences <= tolerance.score)
    edges = [torch.from_numpy(found.edges.astype(np.float64)) for found in (wanted, offered)]
    overlaps = np.where(alike, np.nan_to_num(box_iou(*edges).numpy()), 0)  # two empty boxes: 0 of 0
    rows, best = np.arange(len(wanted)), overlaps.argmax(1)
    return overlaps[rows, best], differences[rows, best]
