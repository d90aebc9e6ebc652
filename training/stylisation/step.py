"""One evaluation of Gatys' loss and its gradient, without autograd: what a server's optimiser calls in every step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.features.backward import image_gradient
from training.features.stack import FeatureStack
from training.stylisation.losses import content_loss, gram, style_loss, variation, variation_gradient


class StyleStep(nn.Module):
    """Image and targets to losses and gradient.

    The total loss is sum_l content_weights[l] * L_content,l + sum_l style_weights[l] * E_l + variation_weight * V, the
    three of `training.stylisation.losses`. A layer with the weights 0 does not count.
    """

    def __init__(self, stack: FeatureStack) -> None:
        super().__init__()
        self.stack = stack

    def forward(
        self,
        image: Tensor,
        content_weights: Tensor,
        style_weights: Tensor,
        variation_weight: Tensor,
        contents: Sequence[Tensor],
        styles: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Evaluate once.

        Args:
            image: float32 (1, 3, height, width) in 0..1.
            content_weights: float32 (layers,).
            style_weights: float32 (layers,).
            variation_weight: float32 (1,).
            contents: for each layer the content's activations, of the shape of the image's own.
            styles: for each layer the style's Gram matrix, float32 (1, channels, channels).

        Returns:
            The weighted content, style and variation losses, float32 (3,); the gradient of their sum by the image,
            float32 (1, 3, height, width); and what targets are made of: activations and Gram matrices of each layer.
        """
        activations = self.stack(2 * image - 1)
        grams = [gram(maps) for maps in activations]
        content = [content_loss(maps, wanted) for maps, wanted in zip(activations, contents, strict=True)]
        style = [style_loss(found, wanted) for found, wanted in zip(grams, styles, strict=True)]
        gradients = [
            content_weights[place] * (maps - contents[place]) / maps.numel()
            + style_weights[place] * _style_gradient(maps, grams[place] - styles[place])
            for place, maps in enumerate(activations)
        ]
        losses = torch.stack(
            (
                (content_weights * torch.stack(content)).sum(),
                (style_weights * torch.stack(style)).sum(),
                (variation_weight * variation(image)).sum(),
            )
        )
        backward = 2 * image_gradient(self.stack, activations, gradients)
        return losses, backward + variation_weight * variation_gradient(image), tuple(activations), tuple(grams)


def _style_gradient(maps: Tensor, difference: Tensor) -> Tensor:
    """Equation 6: (G - A) F / (N**2 M), N channels and M positions; G is symmetric."""
    rows = maps.flatten(2)
    return (difference @ rows / (difference.numel() * rows.shape[2])).view_as(maps)
