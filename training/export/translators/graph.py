"""Turns a translator into the ONNX graph that servers run: bytes of pixels in, bytes of pixels out, of any size.

What a server would otherwise have to know about the network is in the graph: that its images are in -1..1, how they are
scaled, rounded and clipped, and the order of the axes. Padding is not: how an image of another size becomes one that
the network takes is the server's, which also cuts large ones into tiles.
"""

from collections.abc import Mapping
from copy import deepcopy

import onnx
import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.export.graph import finish, follow, name_axes
from training.export.translators.trained import TrainedDirection

IMAGE, TRANSLATED = "IMAGE", "TRANSLATED"

_LEAST_EXAMPLE = 64
_AXES = ("height", "width")


class _Served(nn.Module):
    """A translator as its server sees it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network).eval()

    def forward(self, pixels: Tensor) -> Tensor:
        images: Tensor = self.network(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def export_graph(
    trained: TrainedDirection, *, half: bool = True, facts: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The graph of a translator; equal weights and equal library versions give equal bytes.

    IMAGE and TRANSLATED are uint8 (batch, height, width, 3), RGB; height and width are multiples of
    `trained.multiple`. Pixels are (x + 1) * 127.5, rounded half to even.

    Args:
        trained: on the CPU, float32, in evaluation mode.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.

    Raises:
        TrainingError: the network does not export, or it fixes the number or the size of the images.
    """
    height, width = example_sides(trained.multiple, trained.least)
    examples = {IMAGE: torch.zeros((2, height, width, 3), dtype=torch.uint8)}
    fewest = -(-trained.least // trained.multiple)
    free = {axis: trained.multiple * torch.export.Dim(name, min=fewest) for axis, name in enumerate(_AXES, start=1)}
    model = follow(_Served(trained.network), examples, (TRANSLATED,), {IMAGE: free})
    name_axes(model.graph)
    _name_sides(model.graph)
    return finish(model, "translator", half=half, facts=facts or {})


def example_sides(multiple: int, least: int) -> tuple[int, int]:
    """Two sides that a network takes and that are not equal."""
    side = -(-max(least, _LEAST_EXAMPLE) // multiple) * multiple
    return side, side + multiple


def _name_sides(graph: onnx.GraphProto) -> None:
    for tensor in (*graph.input, *graph.output):
        for number, name in enumerate(_AXES, start=1):
            axis = tensor.type.tensor_type.shape.dim[number]
            if axis.HasField("dim_value"):
                raise TrainingError(
                    f"the network fixes the size: {tensor.name} has a {name} of {axis.dim_value}, not any"
                )
            axis.dim_param = name
