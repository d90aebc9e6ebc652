"""The way back through a stack of convolutions, written out as a forward computation.

Servers have no autograd; what they run is a graph that gives the gradient like any other output. Each step back is the
transpose of one step forward: of a convolution the transposed one with the same weights, of ReLU a mask, of averaging
four values giving each a fourth. The result equals that of autograd.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from training.features.stack import FeatureStack


def image_gradient(stack: FeatureStack, activations: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """How a loss changes with the image, from how it changes with the activations of each layer.

    Args:
        stack: whose edges are continued by zeros.
        activations: of every layer, as `stack` gave them.
        gradients: of the loss by each layer's activations alone, of the same shapes.

    Returns:
        float32 (n, 3, height, width): by the image in -1..1.
    """
    backward = gradients[-1]
    for place in reversed(range(len(stack.layers))):
        if place < len(stack.layers) - 1:
            backward = backward + gradients[place]
        masked = backward * (activations[place] > 0).to(backward.dtype)
        convolution = cast("nn.Conv2d", stack.convolutions[place])
        backward = functional.conv_transpose2d(masked, convolution.weight, padding=1)
        if stack.layers[place].first:
            backward = functional.interpolate(backward, scale_factor=2.0, mode="nearest") / 4
    return backward / stack.deviation
