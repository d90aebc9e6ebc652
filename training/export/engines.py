"""Runs one detector by each engine that may serve it: torch, onnxruntime, OpenVINO. For proofs and for timings."""

from collections.abc import Callable
from typing import cast

import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import torch
from numpy.typing import NDArray
from torch import nn

from training.detectors.detector import Detector
from training.export.graph import BOXES, INPUT, SCORES, is_batched

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
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batched = is_batched(model)

    def infer(pixels: Pixels) -> Candidates:
        boxes, scores = session.run([BOXES, SCORES], {INPUT: pixels if batched else pixels[0]})
        return (boxes, scores) if batched else (boxes[np.newaxis], scores[np.newaxis])

    return infer


def openvino_engine(model: onnx.ModelProto, precision: str, *, threads: int) -> Infer:
    """The graph in OpenVINO, on the CPU, at "f32" or "bf16"; `threads` 0 lets it choose."""
    properties = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = ov.Core()
    request = core.compile_model(core.read_model(model.SerializeToString()), "CPU", properties).create_infer_request()
    batched = is_batched(model)

    def infer(pixels: Pixels) -> Candidates:
        request.infer({INPUT: pixels if batched else pixels[0]}, share_inputs=True)
        boxes, scores = (np.array(request.get_tensor(name).data) for name in (BOXES, SCORES))
        return (boxes, scores) if batched else (boxes[np.newaxis], scores[np.newaxis])

    return infer


def cpu_precisions() -> tuple[str, ...]:
    """What OpenVINO computes in on this CPU: "f32", and "bf16" where the CPU has instructions for it."""
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("f32", "bf16") if "BF16" in capabilities else ("f32",)
