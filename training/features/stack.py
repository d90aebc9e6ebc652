"""A stack of convolutions after VGG: what style, content and dreams are measured in.

Convolutions of 3 x 3 with ReLU, in stages between which the sides are halved by averaging, which Gatys et al. 2016
(section 2) found to give better pictures than taking the largest value. Layer `relu3_2` is the second of stage 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.checkpoint import read_weights
from training.errors import TrainingError

KERNEL = 3
VGG19 = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
"""Channels of each convolution of each stage (Simonyan and Zisserman 2015, table 1, column E)."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

Plan = Sequence[Sequence[int]]
"""Channels of each convolution, by stage."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its ReLU.

    Attributes:
        name: "relu<stage>_<number>", both counted from 1.
        stage: counted from 0: its maps have the image's sides divided by 2**stage.
        channels: of its maps.
        first: whether the values before it are halved.
    """

    name: str
    stage: int
    channels: int
    first: bool


def layers_of(plan: Plan) -> tuple[Layer, ...]:
    """The layers of a plan, from the image on."""
    return tuple(
        Layer(f"relu{stage + 1}_{number + 1}", stage, channels, stage > 0 and number == 0)
        for stage, widths in enumerate(plan)
        for number, channels in enumerate(widths)
    )


class FeatureStack(nn.Module):
    """The convolutions alone, without normalisation or classifier.

    Attributes:
        plan: channels by stage.
        layers: in the order of computation.
        convolutions: of the layers.
        reflected: whether maps are continued by reflection instead of zeros at their edges: for networks that draw,
            since zeros darken the border of what they draw.
        mean, deviation: float32 (1, 3, 1, 1): of the images that the weights were made for, in units of -1..1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, plan: Plan, *, reflected: bool = False) -> None:
        super().__init__()
        self.plan, self.layers, self.reflected = tuple(map(tuple, plan)), layers_of(plan), reflected
        widths = [3, *(layer.channels for layer in self.layers)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, padding=0 if reflected else 1) for before, after in pairwise(widths)
        )
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("deviation", torch.ones(1, 3, 1, 1))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    @property
    def multiple(self) -> int:
        """What the sides of an image must be multiples of."""
        return 1 << (len(self.plan) - 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Activations of every layer.

        Args:
            images: float32 (n, 3, height, width) in -1..1; sides are multiples of `multiple`.

        Returns:
            float32 (n, channels, height / 2**stage, width / 2**stage) for each layer, 0 and more.
        """
        values, activations = (images - self.mean) / self.deviation, []
        for layer, convolution in zip(self.layers, self.convolutions, strict=True):
            if layer.first:
                values = functional.avg_pool2d(values, 2)
            if self.reflected:
                values = functional.pad(values, (1, 1, 1, 1), mode="reflect")
            values = functional.relu(convolution(values))
            activations.append(values)
        return activations

    def place(self, name: str) -> int:
        """The number of a layer.

        Raises:
            TrainingError: there is no such layer.
        """
        if name not in self.names:
            raise TrainingError(f"there is no layer '{name}'; there are {', '.join(self.names)}")
        return self.names.index(name)

    def until(self, name: str, *, reflected: bool = False) -> "FeatureStack":
        """A copy of the layers up to one of them.

        Raises:
            TrainingError: there is no such layer.
        """
        kept = self.layers[: self.place(name) + 1]
        plan = [[layer.channels for layer in kept if layer.stage == stage] for stage in range(kept[-1].stage + 1)]
        stack = FeatureStack(plan, reflected=reflected)
        stack.load_state_dict({key: value for key, value in self.state_dict().items() if key in stack.state_dict()})
        return stack

    @torch.no_grad()
    def normalise(self, images: Tensor) -> None:
        """Scale each layer so that the mean square of its activations over these images is 1.

        ReLU keeps a factor, so the next layer takes it back and nothing else changes. Losses of different layers and
        networks then weigh alike (Gatys et al., Texture Synthesis, 2015, section 2, scale each filter; filters that
        hardly ever respond would then outshout all others).

        Args:
            images: as for `forward`.
        """
        before = torch.ones(())
        convolutions = [cast("nn.Conv2d", convolution) for convolution in self.convolutions]
        scales = [activation.square().mean().sqrt().clamp(min=1e-6) for activation in self(images)]
        for convolution, scale in zip(convolutions, scales, strict=True):
            bias = cast("Tensor", convolution.bias)
            convolution.weight.mul_(before / scale)
            bias.div_(scale)
            before = scale


def load_vgg19(file: Path) -> FeatureStack:
    """The VGG-19 of torchvision, trained on ImageNet, without its classifier.

    Args:
        file: as torchvision publishes it, `vgg19-dcbb9e9d.pth`, or the same tensors as safetensors.

    Raises:
        TrainingError: the file cannot be read, or is of another network.
    """
    stack, tensors = FeatureStack(VGG19), read_weights(file)
    place = 0
    own = stack.state_dict()
    for number, layer in enumerate(stack.layers):
        place += layer.first  # torchvision counts ReLUs and poolings too
        for kind in ("weight", "bias"):
            name, wanted = f"features.{place}.{kind}", f"convolutions.{number}.{kind}"
            if name not in tensors or tensors[name].shape != own[wanted].shape:
                raise TrainingError(f"{file} is no VGG-19: it has no '{name}' of {list(own[wanted].shape)}")
            own[wanted] = tensors[name].float()
        place += 2
    own["mean"] = 2 * torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) - 1
    own["deviation"] = 2 * torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1)
    stack.load_state_dict(own)
    return stack.eval().requires_grad_(False)


@torch.no_grad()
def orthogonal_stack(plan: Plan, seed: int) -> FeatureStack:
    """Random orthogonal filters, whose textures come close to those of trained ones (He et al., 2016).

    Args:
        plan: channels by stage.
        seed: of the filters.
    """
    stack = FeatureStack(plan)
    generator = torch.Generator().manual_seed(seed)
    for convolution in stack.convolutions:
        orthogonal_(cast("nn.Conv2d", convolution), generator)
    return stack.eval().requires_grad_(False)


def orthogonal_(convolution: nn.Conv2d, generator: torch.Generator | None = None) -> None:
    """Draw orthogonal filters that keep the size of what they see, and no bias."""
    nn.init.orthogonal_(convolution.weight, 2**0.5, generator=generator)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
