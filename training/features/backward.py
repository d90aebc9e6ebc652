"""The way back through a stack of convolutions, written out as a forward computation.

Servers have no autograd; what they run is a graph that gives the gradient like any other output. Each step back is the
transpose of one step forward: of a convolution the one with its filters turned round and its channels exchanged, of
ReLU a mask, of averaging four values giving each a fourth. The result equals that of autograd.
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
        backward = functional.conv2d(masked, _transposed(cast("nn.Conv2d", stack.convolutions[place])), padding=1)
        if stack.layers[place].first:
            backward = functional.interpolate(backward, scale_factor=2.0, mode="nearest") / 4
    return backward / stack.deviation


def _transposed(convolution: nn.Conv2d) -> Tensor:
    """The filters of the way back, (before, after, 3, 3), computed in the graph so that a file has every filter once.

    Not `conv_transpose2d` with the filters as they are: OpenVINO then packs square ones once for both directions, and
    the gradient is wrong.
    """
    return convolution.weight.transpose(0, 1).flip((2, 3))
