"""A detector that is small enough for tests: a few convolutions over a grid of cells of 8 pixels."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

SIZE = 64
CLASSES = 3
CELLS = (SIZE // 8) ** 2


class Grid(nn.Module):
    """After `training.detectors.detector.Detector`: random weights, so that scores are spread over 0..1."""

    def __init__(self, *, seed: int = 0, classes: int = CLASSES) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 4 + classes, 3, 2, 1),
        )
        for module in self.layers:
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean = torch.randn(module.num_features, generator=generator) / 10
                module.running_var = torch.rand(module.num_features, generator=generator) + 0.5
        self.eval()

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.layers(images).flatten(2).transpose(1, 2)
        axis = torch.arange(SIZE // 8, dtype=torch.float32) * 8 + 4
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        centres = torch.stack((columns, rows), -1).reshape(-1, 2)
        reach = cells[..., :4].clamp(max=1).exp() * 8
        boxes = torch.cat((centres - reach[..., :2], centres + reach[..., 2:]), -1)
        return boxes, (8 * cells[..., 4:]).sigmoid()

    def forward(self, images: list[Tensor], targets: Any = None) -> list[dict[str, Tensor]]:
        return [self._final(*candidates) for candidates in zip(*self.raw(torch.stack(images)), strict=True)]

    def _final(self, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        cell, label = (scores > 0.05).nonzero(as_tuple=True)
        kept = batched_nms(boxes[cell], scores[cell, label], label, 0.5)
        return {"boxes": boxes[cell][kept], "scores": scores[cell, label][kept], "labels": label[kept]}


class Steep(Grid):
    """So steep that the last digits of its weights decide what it finds."""

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = super().raw(images)
        return boxes, (1000 * scores.logit()).sigmoid()


class OfTwoImages(Grid):
    """Computes with the number of images, as some networks do without need."""

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = super().raw(images)
        return boxes.reshape(2, -1, 4), scores
