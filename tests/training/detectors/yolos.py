"""YOLOs that are small enough for tests: ultralytics' own layers and heads, a few channels wide."""

from typing import Any

import torch
from torch import nn

from training.detectors.yolo_network import YoloRaw
from training.detectors.yolo_package import ultralytics

SIZE = 64
CELLS = 8 * 8 + 4 * 4 + 2 * 2
CLASSES = 3

_BACKBONE: list[list[Any]] = [
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],  # stride 8
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
]


def tiny_yolo(*, two_heads: bool = False, end_to_end: bool = False, seed: int = 0) -> YoloRaw:
    """YOLO11's head, or with `two_heads` YOLO26's. Weights are drawn so that scores and boxes are spread."""
    torch.manual_seed(seed)
    head = {"end2end": True, "reg_max": 1} if two_heads else {}
    description = {
        "nc": CLASSES,
        **head,
        "backbone": _BACKBONE,
        "head": [[[2, 3, 4], 1, "Detect", ["nc"]]],
    }
    network = ultralytics("nn.tasks").DetectionModel(description, ch=3, nc=CLASSES, verbose=False)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features, generator=generator) / 10
            module.running_var = torch.rand(module.num_features, generator=generator) / 10 + 0.01
    for name, parameter in network.named_parameters():
        if "cv3" in name and name.endswith("2.bias"):
            parameter.data.fill_(-1.0)
    return YoloRaw(network, SIZE, end_to_end=end_to_end)
