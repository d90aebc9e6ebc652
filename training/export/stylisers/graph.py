"""Turns a feed-forward styliser into the two graphs that servers run: pixels to statistics, and pixels to pixels.

Both take any size. What a server would otherwise have to know is in the graphs: the order of the axes, that values are
in -1..1, how they are scaled, rounded and clipped.
"""

from collections.abc import Mapping
from typing import cast

import onnx
import torch
from torch import Tensor, nn

from training.export.graph import finish, follow, name_axes
from training.stylisation.adain import StyleEncoder, Stylizer

IMAGE, STATISTICS = "IMAGE", "STATISTICS"
CONTENT, STYLE, STRENGTH, STYLIZED = "CONTENT", "STYLE", "STRENGTH", "STYLIZED"


class ServedEncoder(nn.Module):
    """A style encoder as its server sees it: uint8 (n, height, width, 3) to float32 (n, values)."""

    def __init__(self, encoder: StyleEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> Tensor:
        return self.encoder.code(planes(pixels))


class ServedStylizer(nn.Module):
    """A styliser as its server sees it: uint8 (n, height, width, 3) to the same, as the codes and strengths say."""

    def __init__(self, stylizer: Stylizer) -> None:
        super().__init__()
        self.stylizer = stylizer

    def forward(self, pixels: Tensor, content: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        images: Tensor = self.stylizer(planes(pixels), content, style, strength)
        return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def planes(pixels: Tensor) -> Tensor:
    """uint8 (n, height, width, 3) as float32 (n, 3, height, width) in -1..1."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def export_encoder(stylizer: Stylizer, *, half: bool, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The graph from IMAGE, uint8 (batch, height, width, 3), to STATISTICS, float32 (batch, values).

    Args:
        stylizer: on the CPU, in evaluation mode.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.

    Raises:
        TrainingError: it does not export.
    """
    served = ServedEncoder(stylizer.encoder).eval()
    model = follow(served, {IMAGE: _example(stylizer)}, (STATISTICS,), _free(stylizer))
    name_axes(model.graph)
    return finish(model, "style_encoder", half=half, facts=facts)


def export_stylizer(stylizer: Stylizer, *, half: bool, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The graph from IMAGE, CONTENT, STYLE and STRENGTH to STYLIZED; arguments and errors as for `export_encoder`.

    IMAGE and STYLIZED are uint8 (batch, height, width, 3), the codes float32 (batch, values), STRENGTH (batch, 1).
    """
    codes = torch.ones(2, stylizer.encoder.values)
    examples = {IMAGE: _example(stylizer), CONTENT: codes, STYLE: codes.clone(), STRENGTH: torch.ones(2, 1)}
    model = follow(ServedStylizer(stylizer).eval(), examples, (STYLIZED,), _free(stylizer))
    name_axes(model.graph)
    return finish(model, "stylizer", half=half, facts=facts)


def _example(stylizer: Stylizer) -> Tensor:
    unit = stylizer.multiple
    return torch.full((2, 6 * unit, 5 * unit, 3), 128, dtype=torch.uint8)


def _free(stylizer: Stylizer) -> Mapping[str, Mapping[int, object]]:
    """Height and width of the image, as multiples of what the network halves."""
    sides = (stylizer.multiple * torch.export.Dim(name, min=4) for name in ("rows", "columns"))
    return {IMAGE: cast("Mapping[int, object]", dict(enumerate(sides, 1)))}
