"""How good detections are: mean average precision as COCO defines it, by torchmetrics and pycocotools."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

Boxes = dict[str, Tensor]


def average_precision(found: list[Boxes], true: list[Boxes], classes: Sequence[str]) -> dict[str, float | None]:
    """Scores of all images together.

    Args:
        found: for each image "boxes" (n, 4), "scores" (n), "labels" (n), after suppression.
        true: for each image "boxes" (k, 4), "labels" (k), and "iscrowd" (k), 1 where an object does not count.
        classes: names of the labels 0..

    Returns:
        "mAP50" (overlap of at least 0.5), "mAP50-95" (mean over 0.5, 0.55, .. 0.95) and "AP50/<class>", each 0..1;
        None where no object of the class is in the images.
    """
    metric = MeanAveragePrecision(extended_summary=True, backend="pycocotools")
    metric.warn_on_many_detections = False
    metric.update(found, true)
    result = metric.compute()
    present = result["classes"].reshape(-1).tolist()
    precision = result["precision"][:, :, :, 0, -1]  # overlaps, recalls, classes, areas (all), detections (most)
    by_class = {label: _mean(precision[0, :, place]) for place, label in enumerate(present)}
    return {
        "mAP50": _mean(precision[0]),
        "mAP50-95": _mean(precision),
        **{f"AP50/{name}": by_class.get(label) for label, name in enumerate(classes)},
    }


def _mean(precision: Tensor) -> float | None:
    """Where there was no object, pycocotools says -1."""
    known = precision[precision > -1]
    return float(torch.mean(known.double())) if known.numel() else None
