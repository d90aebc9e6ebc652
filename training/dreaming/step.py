"""One evaluation of what a dream strengthens, with its gradient, without autograd.

Deep Dream in four steps (Mordvintsev, Olah and Tyka, Inceptionism, 2015; the paper, section 4.2): 1. forward: compute
the activations of the chosen layer; 2. set the gradient of the chosen layer equal to its activations; 3. backward:
compute the gradient on the image; 4. update the image. Steps 1 to 3 are here, the fourth is the server's loop.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.features.backward import image_gradient
from training.features.stack import FeatureStack


class DreamStep(nn.Module):
    """Image and targets to the objective and its gradient, to be climbed.

    The objective is the sum over layers of sum_c weights[l][c] * mean(F_c**2), of which the gradient at the layer is
    its activations F times 2 weights[l][c] / M, M positions; and, where a dream is guided, of guided[l] times the mean
    over positions of the largest product of F there with one of the guide's vectors: the layer is pulled to whichever
    of them it is most like.
    """

    def __init__(self, stack: FeatureStack) -> None:
        super().__init__()
        self.stack = stack

    def forward(
        self, image: Tensor, guided: Tensor, weights: Sequence[Tensor], guides: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Evaluate once.

        Args:
            image: float32 (1, 3, height, width) in 0..1.
            guided: float32 (layers,).
            weights: for each layer float32 (channels,).
            guides: for each layer float32 (vectors, channels); one of zeros where there is no guide.

        Returns:
            The objective, float32 (1,); its gradient by the image, float32 (1, 3, height, width); and each layer's
            activations, of which guides are made.
        """
        activations = self.stack(2 * image - 1)  # 1. forward
        objective, gradients = torch.zeros(1, device=image.device), []
        for place, (maps, weight, guide) in enumerate(zip(activations, weights, guides, strict=True)):
            positions = maps.shape[2] * maps.shape[3]
            each = weight.view(1, -1, 1, 1)
            likeness, matched = _match(maps, guide)
            objective = objective + (each * maps.square()).sum() / positions + guided[place] * likeness
            # 2. the layer's gradient is its activations, or what the guide has like them
            gradients.append((2 * each * maps + guided[place] * matched) / positions)
        return objective, 2 * image_gradient(self.stack, activations, gradients), tuple(activations)  # 3. backward


def _match(maps: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each position's largest product with a vector of the guide, (1,), and those vectors, as maps."""
    rows = maps.flatten(2)[0].T
    products = rows @ guide.T
    best = products.argmax(1)
    matched = guide[best]
    return (rows * matched).sum().reshape(1) / rows.shape[0], matched.T.reshape(maps.shape)
