"""Style and content as numbers (Gatys, Ecker and Bethge, Image Style Transfer Using CNNs, 2016, section 2).

Maps are those of a `training.features.stack.FeatureStack`. The paper sums over positions and leaves their number to the
weights; here a loss is a mean, so that weights hold for any size of image.
"""

import torch
from torch import Tensor


def gram(maps: Tensor) -> Tensor:
    """Which filters respond together: G of equation 3, divided by the number of positions.

    Args:
        maps: float32 (n, channels, height, width).

    Returns:
        float32 (n, channels, channels).
    """
    rows = maps.flatten(2)
    return rows @ rows.mT / rows.shape[2]


def style_loss(grams: Tensor, wanted: Tensor) -> Tensor:
    """E_l of equation 4: the squared difference of Gram matrices over 4 N**2, N channels.

    Both are (n, N, N) and already divided by their numbers of positions.
    """
    return (grams - wanted).square().mean() / 4


def content_loss(maps: Tensor, wanted: Tensor) -> Tensor:
    """L_content of equation 1: half the squared difference, here its mean."""
    return (maps - wanted).square().mean() / 2


def variation(images: Tensor) -> Tensor:
    """Total variation: squared steps to the right and down, over the number of values.

    Mahendran and Vedaldi, Understanding Deep Image Representations by Inverting Them, 2015, section 3, with beta = 2.
    """
    right, down = _steps(images)
    return (right.square().sum() + down.square().sum()) / images.numel()


def variation_gradient(images: Tensor) -> Tensor:
    """The gradient of `variation`: each step pulls at the two pixels that it lies between."""
    right, down = _steps(images)
    none_across, none_down = torch.zeros_like(images[..., :1]), torch.zeros_like(images[..., :1, :])
    across = torch.cat((none_across, right), 3) - torch.cat((right, none_across), 3)
    along = torch.cat((none_down, down), 2) - torch.cat((down, none_down), 2)
    return 2 * (across + along) / images.numel()


def statistics(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each map (Huang and Belongie, AdaIN, 2017, equations 5 and 6), each (n, channels).

    The deviation is of all positions, with 1e-5 added to the variance, as there.
    """
    deviation, mean = torch.var_mean(maps, (2, 3), correction=0)
    return mean, (deviation + 1e-5).sqrt()


def _steps(images: Tensor) -> tuple[Tensor, Tensor]:
    return images[..., 1:] - images[..., :-1], images[..., 1:, :] - images[..., :-1, :]
