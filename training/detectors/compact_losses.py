"""What the compact detector minimises: soft class scores, and the overlap of the assigned boxes.

Scores learn by binary cross-entropy towards the assignment's quality instead of 1 (Li et al., generalized focal loss,
arXiv 2006.04388; Feng et al., TOOD, arXiv 2108.07755), so that a cell's score says how good its box is and suppression
keeps the best. Only where nothing is to be found, a cell counts as much as the score that it gives wrongly: thousands
of easy cells would otherwise hold all scores near 0 for the first epochs (the asymmetry of Zhang et al., VarifocalNet,
arXiv 2008.13367, with exponent 1). Boxes learn by complete IoU (Zheng et al., arXiv 1911.08287), good cells more than
poor ones. Distances are plain numbers: a distribution over each costs some 16 times the outputs of the box branch, for
precision that counts only far above IoU 0.5.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import complete_box_iou_loss

from training.detectors.compact_assignment import Cells, Objects, TaskAligned


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts."""

    classes: float = 1.0
    boxes: float = 2.0


def detection_losses(
    logits: Tensor, boxes: Tensor, cells: Cells, objects: Objects, assigner: TaskAligned, weights: Weights
) -> dict[str, Tensor]:
    """Losses "classes" and "boxes", scalars, each divided by the batch's assigned quality.

    Without objects the boxes' loss is 0 and the scores still learn that there is nothing.

    Args:
        logits: float32 (images, cells, classes).
        boxes: float32 (images, cells, 4) in pixels.
        cells: those that gave the predictions.
        objects: what there is to find.
        assigner: says which cell learns which object.
        weights: factors of the two losses.
    """
    scores = logits.detach().sigmoid()
    assigned = assigner(scores, boxes.detach(), cells, objects)
    labels = objects.labels.gather(1, assigned.object)
    wanted = functional.one_hot(labels, logits.shape[-1]) * assigned.quality[..., None]
    total = assigned.quality.sum().clamp(min=1.0)
    counts = torch.where(wanted > 0, 1.0, scores)
    classes = functional.binary_cross_entropy_with_logits(logits, wanted, counts, reduction="sum") / total
    truth = objects.boxes.gather(1, assigned.object[..., None].expand(-1, -1, 4))[assigned.positive]
    overlap = complete_box_iou_loss(boxes[assigned.positive], truth)
    return {
        "classes": weights.classes * classes,
        "boxes": weights.boxes * (overlap * assigned.quality[assigned.positive]).sum() / total,
    }
