"""Turns a detector into the ONNX graph that servers run: bytes of letterboxed pixels in, candidates out.

What a server would otherwise have to know about the network is in the graph: the division by 255, the order of the axes
and the decoding of boxes. Suppression is not, since every request may choose its own.
"""

import io
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.detectors.detector import Detector
from training.errors import TrainingError

OPSET = 18
"""What torch's exporter writes without conversion; onnxruntime, OpenVINO, browsers and Triton read it."""

INPUT, BOXES, SCORES = "IMAGE", "BOXES", "SCORES"

_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_LEAST_HALVED = 256  # elements; below that a Cast costs more bytes than it saves
_HALF_MAX = float(np.finfo(np.float16).max)


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
    try:
        with torch.no_grad():
            model = _follow(served, size) if batched else _trace(served, size)
    except Exception as error:
        raise TrainingError(f"the network does not export to ONNX: {_first_line(error)}") from error
    _name_axes(model.graph, batched=batched)
    if half:
        _keep_weights_in_half(model)
    _strip(model, facts or {})
    onnx.checker.check_model(model, full_check=True)
    return model


def _follow(served: _Served, size: int) -> onnx.ModelProto:
    """By torch.export: a small graph, folded, whose batch is known to be free. It cannot branch on values."""
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    shapes = {"image": {0: torch.export.Dim("batch")}}
    program = torch.export.export(served, (example,), dynamic_shapes=shapes, strict=False)
    exported = torch.onnx.export(
        program, input_names=[INPUT], output_names=[BOXES, SCORES], opset_version=OPSET, verbose=False
    )
    assert exported is not None  # as long as no file is named
    model: onnx.ModelProto = exported.model_proto
    return model


def _trace(served: _Served, size: int) -> onnx.ModelProto:
    """By tracing, torch's older way, which torchvision's two-stage detectors are written for.

    Their suppression leaves as many regions as the image has, which torch.export does not follow. torch warns that this
    way will end, and at each place where a trace might be wrong: `training.export.parity` finds out whether it is.
    """
    file: Any = io.BytesIO()  # what its documentation allows, and its annotation forgets
    with warnings.catch_warnings():
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
    return onnx.load_model_from_string(file.getvalue())


def candidates_of(model: onnx.ModelProto) -> tuple[int, int]:
    """Candidates per image (-1: depends on the image) and classes, as the graph's SCORES has them."""
    scores = next(output for output in model.graph.output if output.name == SCORES)
    candidates, classes = (axis.dim_value or -1 for axis in scores.type.tensor_type.shape.dim[-2:])
    return candidates, classes


def weights_in_half(model: onnx.ModelProto) -> bool:
    """Whether the file stores weights in half precision."""
    return any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer)


def is_batched(model: onnx.ModelProto) -> bool:
    return len(model.graph.input[0].type.tensor_type.shape.dim) == 4


def _name_axes(graph: onnx.GraphProto, *, batched: bool) -> None:
    """Call the free axis "batch", or "candidates" where there is no batch.

    Raises:
        TrainingError: the exporter found that the network computes with the number of the example's images.
    """
    for tensor in (*graph.input, *graph.output):
        axis = tensor.type.tensor_type.shape.dim[0]
        if batched and axis.HasField("dim_value"):
            raise TrainingError(
                f"the network fixes the batch: {tensor.name} has {axis.dim_value} images, not any number"
            )
        if not axis.HasField("dim_value"):
            axis.dim_param = "batch" if batched else "candidates"


def _keep_weights_in_half(model: onnx.ModelProto) -> None:
    """Store large weights as float16 with a Cast to float32, which engines compute once, when they load the file.

    Only weights of convolutions and matrix products: a rounded anchor would move boxes. 11 bits of a weight are more
    than its training fixes.
    """
    graph = model.graph
    weights = {node.input[1] for node in graph.node if node.op_type in _WEIGHTED}
    casts = []
    for initializer in graph.initializer:
        if initializer.name not in weights or initializer.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(initializer)
        if values.size < _LEAST_HALVED or np.abs(values).max() > _HALF_MAX:
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    computed = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *computed])


def _strip(model: onnx.ModelProto, facts: Mapping[str, str]) -> None:
    """Leave out what the exporter notes for debugging: it names files of this machine and changes with each edit."""
    for noted in _with_metadata(model.graph):
        del noted.metadata_props[:]
        noted.doc_string = ""
    del model.graph.value_info[:]
    model.graph.name = "detector"
    model.producer_name, model.producer_version = "imago", ""
    model.doc_string = ""
    del model.metadata_props[:]
    helper.set_model_props(model, dict(sorted(facts.items())))


def _with_metadata(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto | onnx.GraphProto | onnx.ValueInfoProto]:
    yield graph
    yield from graph.input
    yield from graph.output
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _with_metadata(attribute.g)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
