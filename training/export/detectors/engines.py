"""One detector in each engine that may serve it: the trained network itself, onnxruntime, OpenVINO."""

from collections.abc import Callable
from typing import cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from training.detectors.detector import Detector
from training.export.detectors.graph import INPUT, is_batched
from training.export.engines import Run, onnxruntime_run, openvino_run

Pixels = NDArray[np.uint8]
"""Letterboxed RGB: batch x size x size x 3."""

Candidates = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Boxes, batch x candidates x 4 in pixels, and scores, batch x candidates x classes in 0..1."""

Infer = Callable[[Pixels], Candidates]
"""One forward pass. A graph without batch axis is given batches of one image."""


def torch_engine(detector: nn.Module, *, half: bool = False) -> Infer:
    """The trained network itself, on the device where it is, in evaluation mode; `half` is autocast to float16."""
    detector.eval()
    device = next(detector.parameters()).device

    def infer(pixels: Pixels) -> Candidates:
        with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=half):
            images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 255
            boxes, scores = cast(Detector, detector).raw(images)
        return boxes.float().cpu().numpy(), scores.float().cpu().numpy()

    return infer


def onnxruntime_engine(model: onnx.ModelProto, *, threads: int) -> Infer:
    """The graph in onnxruntime, on the CPU; `threads` 0 lets it choose."""
    return _candidates(onnxruntime_run(model, threads=threads), batched=is_batched(model))


def openvino_engine(model: onnx.ModelProto, precision: str, *, threads: int) -> Infer:
    """The graph in OpenVINO, on the CPU, at "f32" or "bf16"; `threads` 0 lets it choose."""
    return _candidates(openvino_run(model, precision, threads=threads), batched=is_batched(model))


def _candidates(run: Run, *, batched: bool) -> Infer:
    def infer(pixels: Pixels) -> Candidates:
        boxes, scores = run({INPUT: pixels if batched else pixels[0]})
        return (boxes, scores) if batched else (boxes[np.newaxis], scores[np.newaxis])

    return infer
