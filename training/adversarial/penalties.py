"""Penalties on the gradient of the critic's answers by the images, which keep it smooth where the players meet."""

from collections.abc import Callable

import torch
from torch import Tensor

Images = tuple[Tensor, ...]
"""A batch, float (n, channels, height, width) for each scale, coarse to fine; most models have one scale."""


def gradient_penalty(answer: Callable[[Images], Tensor], real: Images, fake: Images) -> Tensor:
    """Squared distance of the gradient's length from 1, half-way anywhere between real and made images.

    Gulrajani et al. 2017, equation 3, without its weight.

    Args:
        answer: the critic's answers (n,) to images.
        real: images of the data.
        fake: made images of the same shapes.
    """
    count = len(real[0])
    share = torch.rand(count, 1, 1, 1, device=real[0].device)
    between = tuple(
        torch.lerp(made.detach().float(), image.detach().float(), share).requires_grad_()
        for image, made in zip(real, fake, strict=True)
    )
    return (_squared_lengths(answer(between), between).sqrt() - 1).square().mean()


def zero_centred(answers: Tensor, images: Images) -> Tensor:
    """Half of the gradient's squared length: R1 at real images, R2 at made ones.

    Mescheder et al. 2018, equations 9 and 10, without their weight.

    Args:
        answers: (n,), computed from `images`.
        images: leaves that require a gradient.
    """
    return _squared_lengths(answers, images).mean() / 2


def _squared_lengths(answers: Tensor, images: Images) -> Tensor:
    """Of each image's gradient over all scales, (n,)."""
    gradients = torch.autograd.grad(answers.sum(), images, create_graph=True)
    return torch.stack([gradient.float().flatten(1).square().sum(1) for gradient in gradients]).sum(0)
