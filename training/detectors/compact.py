"""Our own small detector: one stage, no anchors, about 350,000 weights, made for two CPU cores.

Each cell of three grids (strides 8, 16, 32) gives class scores and the distances from its centre to the four edges of a
box (Tian et al., FCOS, arXiv 1904.01355). What the layers are is in `compact_network`, which cells learn which object
in `compact_assignment`, what is minimised in `compact_losses`; the papers are named there.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from training.detectors.compact_assignment import Cells, TaskAligned, pad_objects
from training.detectors.compact_losses import Weights, detection_losses
from training.detectors.compact_network import STRIDES, Backbone, Head, Pyramid
from training.errors import TrainingError

LEAST_SCORE = 0.01
MOST_DETECTIONS = 300
SUPPRESSION_IOU = 0.6


class Compact(nn.Module):
    """The detector, after `training.detectors.detector.Detector`."""

    centres: Tensor
    strides: Tensor

    def __init__(
        self, classes: int, size: int, widths: tuple[int, ...], channels: int, assigner: TaskAligned, weights: Weights
    ) -> None:
        super().__init__()
        self.size = size
        self.assigner = assigner
        self.weights = weights
        self.backbone = Backbone(widths)
        self.pyramid = Pyramid(widths[2:], channels)
        self.heads = nn.ModuleList(Head(channels, classes) for _ in STRIDES)
        cells = cells_of(size)
        self.register_buffer("centres", cells.centres, persistent=False)
        self.register_buffer("strides", cells.strides, persistent=False)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses "classes" and "boxes" in training mode, detections in evaluation mode.

        Args:
            images: float (3, size, size) each, 0..1, RGB.
            targets: "boxes" (n, 4) in pixels and "labels" (n) for each image; n may be 0.

        Raises:
            TrainingError: an image of another size, or training mode without targets.
        """
        for image in images:
            if image.shape[-2:] != (self.size, self.size):
                height, width = image.shape[-2:]
                raise TrainingError(f"the detector takes images of {self.size} x {self.size}, got {width} x {height}")
        if not self.training:
            boxes, scores = self.raw(torch.stack(images))
            return [detections(*candidates) for candidates in zip(boxes, scores, strict=True)]
        if targets is None:
            raise TrainingError("the detector cannot be trained on images without targets")
        logits, boxes = self._candidates(torch.stack(images))
        cells = Cells(self.centres, self.strides)
        with torch.autocast(logits.device.type, enabled=False):
            return detection_losses(logits, boxes, cells, pad_objects(targets), self.assigner, self.weights)

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """All candidates before suppression.

        Args:
            images: float32 (batch, 3, size, size), 0..1, RGB.

        Returns:
            Boxes (batch, candidates, 4) in pixels, which may reach beyond the image, and scores
            (batch, candidates, classes) in 0..1.
        """
        logits, boxes = self._candidates(images)
        return boxes, logits.sigmoid()

    def _candidates(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and boxes, float32 whatever precision the layers ran in: a half has too few digits for pixels."""
        # Training on a CPU is about half as fast again when a pixel's channels lie together; so all maps follow.
        levels = self.pyramid(*self.backbone(images.contiguous(memory_format=torch.channels_last)))
        outputs = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        logits, edges = (torch.cat(parts, dim=1).float() for parts in zip(*outputs, strict=True))
        # No distance is longer than the input: what grows without bound in early steps would end as infinity.
        reach = edges.clamp(max=math.log(self.size / STRIDES[0])).exp() * self.strides[:, None]
        return logits, torch.cat((self.centres - reach[..., :2], self.centres + reach[..., 2:]), dim=-1)


def cells_of(size: int) -> Cells:
    """The cells of an input of `size` pixels, level by level, row by row."""
    centres, strides = [], []
    for stride in STRIDES:
        along = (torch.arange(size // stride, dtype=torch.float32) + 0.5) * stride
        rows, columns = torch.meshgrid(along, along, indexing="ij")
        centres.append(torch.stack((columns, rows), dim=-1).reshape(-1, 2))
        strides.append(torch.full((len(along) ** 2,), float(stride)))
    return Cells(torch.cat(centres), torch.cat(strides))


def detections(boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
    """One image's candidates after suppression within each class, best first; boxes cut at nothing.

    Args:
        boxes: (candidates, 4) in pixels.
        scores: (candidates, classes) in 0..1.
    """
    cell, label = (scores > LEAST_SCORE).nonzero(as_tuple=True)
    boxes, scores = boxes[cell], scores[cell, label]
    kept = batched_nms(boxes, scores, label, SUPPRESSION_IOU)[:MOST_DETECTIONS]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": label[kept]}


def build_compact(classes: int, size: int, **options: Any) -> Compact:
    """The compact detector with fresh weights.

    Args:
        classes: number of classes, at least 1.
        size: pixels of the square input, a multiple of 32.
        options: `widths`, five channel counts of the backbone, even; `channels` of the pyramid; the assignment's
            `candidates`, `alpha` and `beta`; the losses' `class_weight` and `box_weight`.

    Raises:
        TrainingError: a size or an option that does not fit.
    """
    if size <= 0 or size % STRIDES[-1]:
        raise TrainingError(f"model.size {size} is no multiple of {STRIDES[-1]}")
    given = dict(options)
    widths = tuple(given.pop("widths", (16, 32, 64, 96, 128)))
    channels = given.pop("channels", 64)
    assigner = TaskAligned(given.pop("candidates", 10), given.pop("alpha", 1.0), given.pop("beta", 6.0))
    weights = Weights(given.pop("class_weight", 1.0), given.pop("box_weight", 2.0))
    if given:
        raise TrainingError(f"model.options.{next(iter(given))}: the compact detector has no such option")
    if len(widths) != 5 or any(width % 2 for width in widths):
        raise TrainingError(f"model.options.widths {list(widths)}: five even numbers are needed")
    return Compact(classes, size, widths, channels, assigner, weights)
