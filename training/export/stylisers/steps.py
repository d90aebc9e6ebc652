"""Exports one step of an optimiser, forward and backward, as one ONNX graph: what `model.py` calls again and again."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import torch
from onnxscript import ir, optimizer
from torch import Tensor, nn

from training.dreaming.step import DreamStep
from training.export.graph import OPSET, does_not_export, finish
from training.features.stack import FeatureStack, Layer
from training.stylisation.step import StyleStep

IMAGE, GRADIENT, ACTIVATIONS = "IMAGE", "GRADIENT", "ACTIVATIONS"
LOSSES, GRAM = "LOSSES", "GRAM"
OBJECTIVE = "OBJECTIVE"

_ROWS, _COLUMNS = 6, 4
"""Of the example, in units of the stack's multiple: no side is like another, and none is 1."""

_FOLDED = 4096
"""Values that a folded constant may have: filters of the way back are computed by engines when they load the file, and
not written into it a second time."""


def export_style_step(stack: FeatureStack, *, half: bool, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The graph of `StyleStep`.

    IMAGE is float32 (1, 3, height, width) in 0..1; CONTENT_WEIGHTS and STYLE_WEIGHTS float32 (layers,),
    VARIATION_WEIGHT (1,); for each layer there are CONTENT_<layer> (1, channels, height / 2**stage, width / 2**stage)
    and STYLE_<layer> (1, channels, channels). LOSSES is float32 (3,), GRADIENT like IMAGE, ACTIVATIONS_<layer> like
    CONTENT_<layer> and GRAM_<layer> like STYLE_<layer>: a run over another image gives the targets.

    Args:
        stack: on the CPU, in evaluation mode.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.

    Raises:
        TrainingError: it does not export.
    """
    layers, count = stack.layers, len(stack.layers)
    weights = [torch.ones(count), torch.ones(count), torch.ones(1)]
    contents = [_example(stack, layer.channels, layer) for layer in layers]
    styles = [torch.zeros(1, layer.channels, layer.channels) for layer in layers]
    free = (_axes(stack), None, None, None, [_axes(stack, layer) for layer in layers], [None] * count)
    inputs = [IMAGE, "CONTENT_WEIGHTS", "STYLE_WEIGHTS", "VARIATION_WEIGHT"]
    model = _follow(
        StyleStep(stack),
        (_example(stack, 3), *weights, contents, styles),
        free,
        (
            inputs + _names("CONTENT", layers) + _names("STYLE", layers),
            [LOSSES, GRADIENT, *_names(ACTIVATIONS, layers), *_names(GRAM, layers)],
        ),
    )
    return finish(model, "style_step", half=half, facts=facts)


def export_dream_step(stack: FeatureStack, *, half: bool, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The graph of `DreamStep`; arguments and errors as for `export_style_step`.

    IMAGE is float32 (1, 3, height, width) in 0..1; GUIDED float32 (layers,); for each layer there are WEIGHTS_<layer>
    (channels,) and GUIDE_<layer> (vectors, channels), any number of vectors. OBJECTIVE is float32 (1,), GRADIENT like
    IMAGE, ACTIVATIONS_<layer> (1, channels, height / 2**stage, width / 2**stage).
    """
    layers = stack.layers
    weights = [torch.ones(layer.channels) for layer in layers]
    guides = [torch.zeros(5 + place, layer.channels) for place, layer in enumerate(layers)]
    vectors = [{0: torch.export.Dim(f"vectors_{layer.name}", min=1)} for layer in layers]
    model = _follow(
        DreamStep(stack),
        (_example(stack, 3), torch.ones(len(layers)), weights, guides),
        (_axes(stack), None, [None] * len(layers), vectors),
        (
            [IMAGE, "GUIDED", *_names("WEIGHTS", layers), *_names("GUIDE", layers)],
            [OBJECTIVE, GRADIENT, *_names(ACTIVATIONS, layers)],
        ),
    )
    return finish(model, "dream_step", half=half, facts=facts)


def _names(kind: str, layers: Sequence[Layer]) -> list[str]:
    return [f"{kind}_{layer.name}" for layer in layers]


def _example(stack: FeatureStack, channels: int, layer: Layer | None = None) -> Tensor:
    """Values of a layer, or of the image: noise would do, but equal values give equal files."""
    stage = layer.stage if layer else 0
    sides = (units * stack.multiple >> stage for units in (_ROWS, _COLUMNS))
    return torch.full((1, channels, *sides), 0.5)


def _axes(stack: FeatureStack, layer: Layer | None = None) -> dict[int, Any]:
    """The free sides of a layer's maps, or of the image."""
    units = stack.multiple >> (layer.stage if layer else 0)
    return {2: units * torch.export.Dim("rows", min=2), 3: units * torch.export.Dim("columns", min=2)}


def _follow(
    step: nn.Module, examples: tuple[Any, ...], free: tuple[Any, ...], names: tuple[list[str], list[str]]
) -> onnx.ModelProto:
    """The graph of a step by torch.export, with the names of its inputs and outputs."""
    try:
        with torch.no_grad():
            program = torch.export.export(step.eval(), examples, dynamic_shapes=free, strict=False)
            exported = torch.onnx.export(
                program,
                input_names=names[0],
                output_names=names[1],
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
        assert exported is not None  # as long as no file is named
        optimizer.optimize_ir(exported.model, input_size_limit=_FOLDED, output_size_limit=_FOLDED)
    except Exception as error:
        raise does_not_export(error) from error
    model: onnx.ModelProto = ir.to_proto(exported.model)
    _name_axes(model.graph)
    return model


def _name_axes(graph: onnx.GraphProto) -> None:
    """Call free axes what they are, instead of by the exporter's symbols."""
    for tensor in (*graph.input, *graph.output):
        axes = tensor.type.tensor_type.shape.dim
        for place, axis in enumerate(axes):
            if not axis.HasField("dim_value"):
                side = {0: "vectors", 2: "height", 3: "width"}[place]
                axis.dim_param = side if tensor.name in (IMAGE, GRADIENT) else f"{side}_{tensor.name}"
