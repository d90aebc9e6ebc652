"""What every exported graph has in common: how torch writes it, how its weights are stored, what it says of itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.errors import TrainingError

OPSET = 18
"""What torch's exporter writes without conversion; onnxruntime, OpenVINO, browsers and Triton read it."""

_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_LEAST_HALVED = 256  # elements; below that a Cast costs more bytes than it saves
_HALF_MAX = float(np.finfo(np.float16).max)


def follow(
    served: nn.Module,
    examples: Mapping[str, Tensor],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, Any]] | None = None,
) -> onnx.ModelProto:
    """The graph of a network, by torch.export: small, folded, with a batch that is known to be free.

    Args:
        served: in evaluation mode, on the CPU; it cannot branch on values.
        examples: the inputs by the names that they get in the graph, in the order of the arguments of `forward`; the
            first axis of each is the batch, of two rows or more.
        outputs: names, in the order in which `forward` returns them.
        free: further axes of any length, as torch.export's dimensions, by input and number of the axis.

    Raises:
        TrainingError: the network does not export.
    """
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch, **(free or {}).get(name, {})} for name in examples)
    try:
        with torch.no_grad():
            program = torch.export.export(served, tuple(examples.values()), dynamic_shapes=shapes, strict=False)
            exported = torch.onnx.export(
                program, input_names=list(examples), output_names=list(outputs), opset_version=OPSET, verbose=False
            )
    except Exception as error:
        raise does_not_export(error) from error
    assert exported is not None  # as long as no file is named
    model: onnx.ModelProto = exported.model_proto
    return model


def does_not_export(error: Exception) -> TrainingError:
    """What to raise for whatever torch's exporter raised."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return TrainingError(f"the network does not export to ONNX: {line}")


def name_axes(graph: onnx.GraphProto, *, batched: bool = True) -> None:
    """Call the free axis "batch", or "candidates" where there is no batch.

    Raises:
        TrainingError: the exporter found that the network computes with the number of the example's rows.
    """
    for tensor in (*graph.input, *graph.output):
        axis = tensor.type.tensor_type.shape.dim[0]
        if batched and axis.HasField("dim_value"):
            raise TrainingError(
                f"the network fixes the batch: {tensor.name} has {axis.dim_value} images, not any number"
            )
        if not axis.HasField("dim_value"):
            axis.dim_param = "batch" if batched else "candidates"


def finish(model: onnx.ModelProto, name: str, *, half: bool, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The same graph as a file is to hold it; equal weights and equal library versions give equal bytes.

    Args:
        model: changed in place.
        name: of the graph.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.
    """
    if half:
        _keep_weights_in_half(model)
    _strip(model, name, facts)
    onnx.checker.check_model(model, full_check=True)
    return model


def weights_in_half(model: onnx.ModelProto) -> bool:
    """Whether the file stores weights in half precision."""
    return any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer)


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


def _strip(model: onnx.ModelProto, name: str, facts: Mapping[str, str]) -> None:
    """Leave out what the exporter notes for debugging: it names files of this machine and changes with each edit."""
    for noted in _with_metadata(model.graph):
        del noted.metadata_props[:]
        noted.doc_string = ""
    del model.graph.value_info[:]
    model.graph.name = name
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
