"""Parts that the papers' generators and critics share: first weights, growing and shrinking layers, residual blocks,
normalisation by class.
"""

from typing import Literal, cast

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Activation = Literal["relu", "leaky"]
Initialisation = Literal["gaussian", "glorot", "default"]

SLOPE = 0.2
"""Of LeakyReLU (Radford et al. 2016, section 4)."""

_DEVIATION = 0.02
_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def activation(name: Activation, *, inplace: bool = True) -> nn.Module:
    """ReLU, or LeakyReLU with the slope 0.2."""
    return nn.ReLU(inplace) if name == "relu" else nn.LeakyReLU(SLOPE, inplace)


def initialise_weights(network: nn.Module, how: Initialisation) -> None:
    """Set the first weights of layers and of batch normalisation; biases become 0.

    Args:
        network: changed in place; call it before `spectral_norm` or not at all.
        how: "gaussian": normal with deviation 0.02, scales of normalisation normal around 1 (Radford et al. 2016,
            section 4, and its public code); "glorot": Keras' default, uniform by the number of inputs and outputs;
            "default": as PyTorch left them.
    """
    if how == "default":
        return
    for module in network.modules():
        if isinstance(module, _WEIGHTED):
            if how == "gaussian":
                nn.init.normal_(module.weight, 0.0, _DEVIATION)
            else:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine and how == "gaussian":
            nn.init.normal_(module.weight, 1.0, _DEVIATION)


def normalise_spectrally(network: nn.Module) -> None:
    """Divide every layer's weights by their largest singular value (Miyato et al. 2018, algorithm 1)."""
    for module in list(network.modules()):
        if isinstance(module, _WEIGHTED):
            spectral_norm(module)


def doubling(before: int, after: int, kernel: int, *, resized: bool) -> nn.Module:
    """A layer that doubles the side.

    Args:
        before: maps that come in.
        after: maps that go out.
        kernel: 4 or more; one that is no multiple of the stride 2 leaves a checkerboard (Odena et al. 2016).
        resized: nearest pixels and an ordinary convolution, which leaves no checkerboard, instead of a transposed one.
    """
    if resized:
        odd = kernel - 1 + kernel % 2  # an even kernel cannot keep the size
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(before, after, odd, padding=odd // 2, bias=False))
    padding = (kernel - 1) // 2
    return nn.ConvTranspose2d(before, after, kernel, 2, padding, output_padding=kernel % 2, bias=False)


def halving(before: int, after: int, kernel: int, *, bias: bool) -> nn.Conv2d:
    """A convolution that halves the side; the other arguments are those of `doubling`."""
    return nn.Conv2d(before, after, kernel, 2, (kernel - 1) // 2, bias=bias)


class ResidualHalving(nn.Module):
    """Two convolutions beside a direct way, both halving the side (He et al. 2016; Miyato et al. 2018, figure 9)."""

    def __init__(self, before: int, after: int, name: Activation) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            activation(name, inplace=False),  # the direct way needs the features too
            nn.Conv2d(before, after, 3, padding=1),
            activation(name),
            nn.Conv2d(after, after, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, before, 2 s, 2 s) become (n, after, s, s)."""
        return cast(Tensor, self.convolutions(features) + self.direct(features))


class ClassNorm(nn.Module):
    """Batch normalisation with scales and shifts of each class (de Vries et al. 2017, arXiv 1707.00683, section 3)."""

    def __init__(self, maps: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(maps, affine=False)
        self.scales, self.shifts = nn.Embedding(classes, maps), nn.Embedding(classes, maps)
        nn.init.ones_(self.scales.weight)
        nn.init.zeros_(self.shifts.weight)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features (n, maps, height, width) of images of the classes `labels` (n,)."""
        scales: Tensor = self.scales(labels)[:, :, None, None]
        shifts: Tensor = self.shifts(labels)[:, :, None, None]
        return cast(Tensor, self.norm(features)) * scales + shifts
