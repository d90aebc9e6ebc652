"""Proves that an exported graph finds what the trained network finds, in every engine that will serve it.

Raw candidates are compared number by number and reported. What decides is detections after suppression, both ways:
weights are stored in half precision, so that numbers differ a little while objects must not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from torch import nn

from training.errors import TrainingError
from training.export.detectors.engines import (
    Candidates,
    Infer,
    Pixels,
    onnxruntime_engine,
    openvino_engine,
    torch_engine,
)
from training.export.detectors.graph import is_batched
from training.export.detectors.matching import Found, Matches, Tolerance, above, match, suppressed
from training.export.engines import cpu_precisions

BATCH = 8
TOLERANCES = {"f32": Tolerance(iou=0.99, score=0.01), "bf16": Tolerance(iou=0.9, score=0.05)}
"""bf16 keeps 8 bits of a number: a logit near 4 is known to 0.02 after one layer, and errors add up over sixty."""

_DIRECTIONS = 3  # in which each image is compared; the first is the network's detections in the graph's

OwnDetections = Callable[[Sequence[Pixels], float], list[Found]]
"""What the trainer itself reports for images, from a score on, by its own suppression."""


@dataclass(frozen=True, slots=True)
class Parity:
    """By how much one engine's results differ from the trained network's.

    Attributes:
        engine: e.g. "onnxruntime".
        precision: "f32" or "bf16".
        images, detections: how many were compared; detections are the trained network's.
        ties: of these, how many the engine replaced by an overlapping one of equal score.
        threshold: least score of a compared detection.
        worst_iou, worst_score: least overlap and largest difference of scores among equal detections.
        raw: largest difference of a box's edge in pixels and of a score over all candidates; None where the image
            decides how many candidates there are.
    """

    engine: str
    precision: str
    images: int
    detections: int
    ties: int
    threshold: float
    worst_iou: float
    worst_score: float
    raw: tuple[float, float] | None


def prove(
    detector: nn.Module, model: onnx.ModelProto, images: Sequence[Pixels], own: OwnDetections, threshold: float
) -> list[Parity]:
    """Compare the graph with the network, in onnxruntime and in OpenVINO at every precision that this CPU has.

    Args:
        detector: after `training.detectors.detector.Detector`, with the weights that were exported.
        model: the graph of it.
        images: letterboxed, size x size x 3 each; at least one.
        own: the trainer's detections.
        threshold: the score that requests will use. Where the network finds fewer objects with it than there are
            images, it is lowered until there is something to compare.

    Returns:
        One entry for each engine and precision; bf16 is left out where it differs by more than its tolerance.

    Raises:
        TrainingError: in f32 a detection of one side has no equal on the other; or there is no image.
    """
    if not images:
        raise TrainingError("the exported graph cannot be compared with the network: there is no image")
    batched = is_batched(model)
    expected = list(_run(torch_engine(detector), images, batched=batched))
    threshold = _comparable(expected, threshold)
    reference = _Reference(expected, own(images, threshold), threshold)
    proofs = [
        reference.compare("onnxruntime", "f32", _run(onnxruntime_engine(model, threads=0), images, batched=batched))
    ]
    for precision in cpu_precisions():
        engine = openvino_engine(model, precision, threads=0)
        try:
            proofs.append(reference.compare("OpenVINO", precision, _run(engine, images, batched=batched)))
        except TrainingError:
            if precision == "f32":
                raise
    return proofs


def _run(infer: Infer, images: Sequence[Pixels], *, batched: bool) -> Iterator[Candidates]:
    """Each image's candidates: the first image alone, the others in batches, so that both are tried."""
    step = BATCH if batched else 1
    starts = [0, *range(1, len(images), step)]
    for start, end in zip(starts, [*starts[1:], len(images)], strict=True):
        yield from zip(*infer(np.stack(images[start:end])), strict=True)


def _comparable(candidates: Sequence[Candidates], threshold: float) -> float:
    """The threshold, or a lower one that lets as many scores pass as there are images."""
    every = np.concatenate([scores.ravel() for _, scores in candidates])
    scores = np.sort(every[every > 0])[::-1]
    return float(min(threshold, scores[min(len(candidates), len(scores)) - 1])) if len(scores) else threshold


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the trained network gives for the images: its candidates, and the trainer's own detections."""

    expected: Sequence[Candidates]
    reported: Sequence[Found]
    threshold: float

    def compare(self, engine: str, precision: str, actual: Iterable[Candidates]) -> Parity:
        """Add up all images.

        Raises:
            TrainingError: a detection has no equal.
        """
        matches: list[Matches] = []
        raw: list[tuple[float, float] | None] = []
        for number, theirs in enumerate(actual):
            try:
                matches.extend(self._match(number, theirs, TOLERANCES[precision]))
            except TrainingError as error:
                raise TrainingError(f"image {number} in {engine}, {precision}: {error}") from None
            raw.append(_differences(self.expected[number], theirs))
        known = [pair for pair in raw if pair is not None]
        return Parity(
            engine=engine,
            precision=precision,
            images=len(raw),
            detections=sum(len(result.ties) for result in matches[::_DIRECTIONS]),
            ties=sum(int(result.ties.sum()) for result in matches[::_DIRECTIONS]),
            threshold=self.threshold,
            worst_iou=min((float(result.overlaps.min()) for result in matches if len(result.ties)), default=1.0),
            worst_score=max((float(result.differences.max()) for result in matches if len(result.ties)), default=0.0),
            raw=(max(pair[0] for pair in known), max(pair[1] for pair in known)) if len(known) == len(raw) else None,
        )

    def _match(self, number: int, theirs: Candidates, tolerance: Tolerance) -> Iterator[Matches]:
        """One image, in three directions: network to graph, graph to network, the trainer's own report to graph.

        An equal may lie a little below the threshold, since scores may differ a little.
        """
        low = self.threshold - tolerance.score
        our_pairs, their_pairs = above(self.expected[number], low), above(theirs, low)
        ours, others = suppressed(our_pairs), suppressed(their_pairs)
        for whose, wanted, offered, candidates in (
            ("the network's", ours, others, their_pairs),
            ("the graph's", others, ours, our_pairs),
            ("the trainer's", self.reported[number], their_pairs, their_pairs),
        ):
            strong = wanted.objects(self.threshold)
            result = match(strong, offered, candidates, tolerance)
            if result.lost.any():
                raise TrainingError(f"{whose} {_describe(strong.where(result.lost))} has no equal on the other side")
            yield result


def _differences(ours: Candidates, theirs: Candidates) -> tuple[float, float] | None:
    if ours[0].shape != theirs[0].shape or not ours[0].size:
        return None
    boxes, scores = (float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    return boxes, scores


def _describe(found: Found) -> str:
    box = ", ".join(f"{edge:.1f}" for edge in found.edges[0])
    return f"detection of class {found.labels[0]} at ({box}) with score {found.scores[0]:.3f}"
