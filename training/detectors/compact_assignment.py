"""Which cells learn which object: task-aligned assignment (Feng et al., TOOD, arXiv 2108.07755, section 3.2).

A cell is good for an object when it already scores the object's class well and already predicts its box well; the best
few cells whose centres lie in the object learn it. Everything is computed for the whole batch at once, on objects
padded to the most that one of its images has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

ROUNDING = 1e-3
"""Pixels by which an object is taken as larger, so that a centre on its edge counts as inside."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of all levels, finest first: centres (cells, 2) in pixels, strides (cells,) in pixels."""

    centres: Tensor
    strides: Tensor


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a batch: boxes (images, most, 4) in pixels, labels (images, most), present (images, most)."""

    boxes: Tensor
    labels: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True)
class Assignment:
    """What each cell learns.

    Attributes:
        positive: bool (images, cells); whether the cell learns an object at all.
        object: int64 (images, cells); the object's place in its image, 0 where there is none.
        quality: float32 (images, cells), 0..1; the score that the cell is to give the object's class, 0 without one.
    """

    positive: Tensor
    object: Tensor
    quality: Tensor


def pad_objects(targets: Sequence[dict[str, Tensor]]) -> Objects:
    """Targets ("boxes" (n, 4), "labels" (n)) side by side; boxes without area count as absent."""
    boxes = pad_sequence([target["boxes"].reshape(-1, 4).float() for target in targets], batch_first=True)
    labels = pad_sequence([target["labels"].reshape(-1) for target in targets], batch_first=True)
    if not boxes.shape[1]:
        boxes, labels = boxes.new_zeros(len(targets), 1, 4), labels.new_zeros(len(targets), 1)
    return Objects(boxes, labels.long(), (boxes[..., 2:] > boxes[..., :2]).all(dim=-1))


@dataclass(frozen=True, slots=True)
class TaskAligned:
    """The rule: a cell's value for an object is score^alpha * IoU^beta (equation 1), `candidates` cells for each."""

    candidates: int = 10
    alpha: float = 1.0
    beta: float = 6.0

    def __call__(self, scores: Tensor, boxes: Tensor, cells: Cells, objects: Objects) -> Assignment:
        """Assign by what the network predicts now.

        Args:
            scores: float32 (images, cells, classes), 0..1, without gradient.
            boxes: float32 (images, cells, 4) in pixels, without gradient.
            cells: those that gave the predictions.
            objects: what there is to find.
        """
        overlap = pairwise_iou(objects.boxes, boxes)
        labels = objects.labels[:, None, :].expand(-1, scores.shape[1], -1)
        score = scores.gather(2, labels).transpose(1, 2)
        value = score.pow(self.alpha) * overlap.pow(self.beta)
        chosen = self._best(value, may_learn(cells, objects))
        owner, positive = _one_object_each(chosen, overlap)
        chosen &= owner[:, None, :] == torch.arange(chosen.shape[1], device=owner.device)[:, None]
        return Assignment(positive, owner, _quality(value, overlap, chosen))

    def _best(self, value: Tensor, allowed: Tensor) -> Tensor:
        """For each object, its best cells among those allowed; a cell of no value yet still precedes one outside."""
        count = min(self.candidates, value.shape[-1])
        best = value.masked_fill(~allowed, -1.0).topk(count, dim=-1).indices
        return torch.zeros_like(allowed).scatter_(-1, best, True) & allowed


def may_learn(cells: Cells, objects: Objects) -> Tensor:
    """Bool (images, most, cells): the cell's centre lies in the object's box.

    An object smaller than a cell may lie between the centres: for the finest level it counts as at least one cell wide.
    """
    low, high = objects.boxes[..., None, :2], objects.boxes[..., None, 2:]
    finest = cells.strides == cells.strides.min()
    least = torch.where(finest, cells.strides / 2, 0.0)[:, None] + ROUNDING
    inside = (cells.centres - (low + high) / 2).abs() <= torch.maximum((high - low) / 2, least)
    return inside.all(dim=-1) & objects.present[..., None]


def pairwise_iou(objects: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union (images, most, cells) of (images, most, 4) with (images, cells, 4); 0 without area."""
    first, second = objects[:, :, None], boxes[:, None]
    sides = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(0)
    shared = sides.prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(0).prod(dim=-1) for box in (first, second)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-9)


def _one_object_each(chosen: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """A cell that several objects chose learns the one that it overlaps most."""
    owner = overlap.masked_fill(~chosen, -1.0).argmax(dim=1)
    positive = chosen.any(dim=1)
    return owner.masked_fill(~positive, 0), positive


def _quality(value: Tensor, overlap: Tensor, chosen: Tensor) -> Tensor:
    """Values scaled so that an object's best cell is to score as much as its best overlap (TOOD, section 3.2)."""
    value, overlap = value * chosen, overlap * chosen
    most = value.amax(dim=-1, keepdim=True)
    scaled = torch.where(most > 0, value / most.clamp(min=torch.finfo(value.dtype).tiny), 0.0)
    return (scaled * overlap.amax(dim=-1, keepdim=True)).amax(dim=1)
