"""Turns a detector into the ONNX graph that servers run: bytes of letterboxed pixels in, candidates out.

What a server would otherwise have to know about the network is in the graph: the division by 255, the order of the axes
and the decoding of boxes. Suppression is not, since every request may choose its own.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Any, cast

import onnx
import torch
from torch import Tensor, nn

from training.detectors.detector import Detector
from training.export.graph import OPSET, does_not_export, finish, follow, name_axes

INPUT, BOXES, SCORES = "IMAGE", "BOXES", "SCORES"


class _Served(nn.Module):
    """A detector as its server sees it."""

    def __init__(self, detector: nn.Module, *, batched: bool) -> None:
        super().__init__()
        self.detector = detector
        self.batched = batched

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        pixels = image if self.batched else image.unsqueeze(0)
        boxes, scores = cast(Detector, self.detector).raw(pixels.permute(0, 3, 1, 2).float() / 255)
        return (boxes, scores) if self.batched else (boxes[0], scores[0])


def export_graph(
    detector: nn.Module,
    size: int,
    *,
    batched: bool = True,
    half: bool = True,
    facts: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """The graph of `detector.raw`. Equal weights and equal library versions give equal bytes.

    Args:
        detector: after `training.detectors.detector.Detector`, on the CPU, float32; it is put into evaluation mode.
        size: side of the square input in pixels.
        batched: IMAGE is uint8 (batch, size, size, 3) RGB, BOXES float32 (batch, candidates, 4) in pixels, SCORES
            float32 (batch, candidates, classes) in 0..1, any batch. Otherwise all three lack the batch axis, and the
            number of candidates may depend on the image.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.

    Raises:
        TrainingError: the network does not export, or it fixes the size of the batch.
    """
    served = _Served(detector, batched=batched).eval()
    if batched:
        model = follow(served, {INPUT: torch.zeros((2, size, size, 3), dtype=torch.uint8)}, (BOXES, SCORES))
    else:
        model = _trace(served, size)
    name_axes(model.graph, batched=batched)
    return finish(model, "detector", half=half, facts=facts or {})


def _trace(served: _Served, size: int) -> onnx.ModelProto:
    """By tracing, torch's older way, which torchvision's two-stage detectors are written for.

    Their suppression leaves as many regions as the image has, which torch.export does not follow. torch warns that this
    way will end, and at each place where a trace might be wrong: `training.export.detectors.parity` finds out.
    """
    file: Any = io.BytesIO()  # what its documentation allows, and its annotation forgets
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                served,
                (torch.zeros((size, size, 3), dtype=torch.uint8),),
                file,
                input_names=[INPUT],
                output_names=[BOXES, SCORES],
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:
        raise does_not_export(error) from error
    return onnx.load_model_from_string(file.getvalue())


def candidates_of(model: onnx.ModelProto) -> tuple[int, int]:
    """Candidates per image (-1: depends on the image) and classes, as the graph's SCORES has them."""
    scores = next(output for output in model.graph.output if output.name == SCORES)
    candidates, classes = (axis.dim_value or -1 for axis in scores.type.tensor_type.shape.dim[-2:])
    return candidates, classes


def is_batched(model: onnx.ModelProto) -> bool:
    return len(model.graph.input[0].type.tensor_type.shape.dim) == 4
