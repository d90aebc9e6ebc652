"""Turns a detector into the ONNX graph that servers run: bytes of letterboxed pixels in, candidates out.

What a server would otherwise have to know about the network is in the graph: the division by 255, the order of the axes
and the decoding of boxes. Suppression is not, since every request may choose its own.
"""

from collections.abc import Iterator, Mapping
from typing import cast

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
    detector: nn.Module, size: int, *, batched: bool = True, facts: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The graph of `detector.raw`. Equal weights and equal library versions give equal bytes.

    Args:
        detector: after `training.detectors.detector.Detector`, on the CPU, float32; it is put into evaluation mode.
        size: side of the square input in pixels.
        batched: IMAGE is uint8 (batch, size, size, 3) RGB, BOXES float32 (batch, candidates, 4) in pixels, SCORES
            float32 (batch, candidates, classes) in 0..1, any batch. Otherwise all three lack the batch axis, and the
            number of candidates may depend on the image.
        facts: written into the file's metadata.

    Raises:
        TrainingError: the network does not export, or it fixes the size of the batch.
    """
    served = _Served(detector, batched=batched).eval()
    example = torch.zeros((2, size, size, 3) if batched else (size, size, 3), dtype=torch.uint8)
    shapes = {"image": {0: torch.export.Dim("batch")} if batched else None}
    try:
        with torch.no_grad():
            program = torch.export.export(served, (example,), dynamic_shapes=shapes, strict=False)
            exported = torch.onnx.export(
                program, input_names=[INPUT], output_names=[BOXES, SCORES], opset_version=OPSET, verbose=False
            )
    except Exception as error:
        raise TrainingError(f"the network does not export to ONNX: {_first_line(error)}") from error
    if exported is None:
        raise TrainingError("the network does not export to ONNX: torch.onnx.export gave no graph")
    model = exported.model_proto
    if batched:
        _name_the_batch(model.graph)
    _keep_weights_in_half(model)
    _strip(model, facts or {})
    onnx.checker.check_model(model, full_check=True)
    return model


def candidates_of(model: onnx.ModelProto) -> tuple[int, int]:
    """Candidates per image (-1: depends on the image) and classes, as the graph's SCORES has them."""
    scores = next(output for output in model.graph.output if output.name == SCORES)
    candidates, classes = (axis.dim_value or -1 for axis in scores.type.tensor_type.shape.dim[-2:])
    return candidates, classes


def is_batched(model: onnx.ModelProto) -> bool:
    return len(model.graph.input[0].type.tensor_type.shape.dim) == 4


def _name_the_batch(graph: onnx.GraphProto) -> None:
    """Call the first axis "batch".

    Raises:
        TrainingError: the exporter found that the network computes with the number of the example's images.
    """
    for tensor in (*graph.input, *graph.output):
        axis = tensor.type.tensor_type.shape.dim[0]
        if axis.HasField("dim_value"):
            raise TrainingError(
                f"the network fixes the batch: {tensor.name} takes {axis.dim_value} images, not any number"
            )
        axis.dim_param = "batch"


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
