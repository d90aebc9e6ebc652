"""Turns a generator into the ONNX graph that servers run: latent vectors in, bytes of pixels out.

What a server would otherwise have to know about the network is in the graph: that its images are in -1..1, how they are
scaled, rounded and clipped, and the order of the axes. Where the critic goes along, so does its sigmoid.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import cast

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from training.export.generators.trained import TrainedGenerator
from training.export.graph import finish, follow, name_axes

LATENT, LABEL, IMAGE, REALNESS = "LATENT", "LABEL", "IMAGE", "REALNESS"


class _Served(nn.Module):
    """A generator, and its critic where it goes along, as their server sees them."""

    def __init__(self, generator: nn.Module, critic: nn.Module | None) -> None:
        super().__init__()
        self.generator, self.critic = _plain(generator), None if critic is None else _plain(critic)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        asked = () if label is None else (label[:, 0],)
        images = self.generator(latent, *asked)
        pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        return pixels if self.critic is None else (pixels, realness(self.critic, images, *asked))


def realness(critic: nn.Module, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """How probable a critic finds it that images are real, float32 (n, 1) in 0..1.

    Args:
        critic: of a loss under which its answer is the logit of a probability; one that also tells the classes gives
            the answer first.
        images: float32 (n, channels, height, width) in -1..1.
        labels: int64 (n,), for a critic of a generator with classes.
    """
    given = critic(images) if labels is None else critic(images, labels)
    answers: Tensor = given if isinstance(given, Tensor) else given[0]
    return answers.sigmoid().reshape(-1, 1)


def export_graph(
    trained: TrainedGenerator, *, half: bool = True, facts: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The graph of a generator; equal weights and equal library versions give equal bytes.

    LATENT is float32 (batch, values), LABEL, where there are classes, int64 (batch, 1), IMAGE uint8 (batch, height,
    width, channels), REALNESS, where there is a critic, float32 (batch, 1) in 0..1; any batch. Pixels are
    (x + 1) * 127.5, rounded half to even.

    Args:
        trained: on the CPU, float32, in evaluation mode.
        half: store large weights in half precision; they are computed with in float32 all the same.
        facts: written into the file's metadata.

    Raises:
        TrainingError: a network does not export, or it fixes the size of the batch.
    """
    served = _Served(trained.network, trained.critic).eval()
    examples = {LATENT: torch.zeros((2, trained.latent.size))}
    if trained.classes:
        examples[LABEL] = torch.zeros((2, 1), dtype=torch.int64)
    model = follow(served, examples, (IMAGE,) if trained.critic is None else (IMAGE, REALNESS))
    name_axes(model.graph)
    return finish(model, "generator", half=half, facts=facts or {})


def image_shape(model: onnx.ModelProto) -> tuple[int, int, int]:
    """Height, width and channels of the graph's images."""
    height, width, channels = (axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim[1:])
    return height, width, channels


def _plain(network: nn.Module) -> nn.Module:
    """A copy whose weights are what a parametrisation, such as spectral normalisation, computes them to be.

    Not by torch's `remove_parametrizations`: it changes the class, which a copy shares with the original.
    """
    network = deepcopy(network).eval()
    for module in network.modules():
        if parametrize.is_parametrized(module):
            names = list(cast(nn.ModuleDict, module.parametrizations))
            weights = {name: getattr(module, name).detach() for name in names}
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for name, values in weights.items():
                module.register_parameter(name, nn.Parameter(values))
    return network
