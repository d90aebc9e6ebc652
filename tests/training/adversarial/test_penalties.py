"""Penalties against gradients that are known, and against the library's own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.adversarial.penalties import gradient_penalty, zero_centred


def quadratic(images: Tensor) -> Tensor:
    """f(x) = |x|^2 / 2, whose gradient is x."""
    return images.flatten(1).square().sum(1) / 2


def test_a_zero_centred_penalty_is_half_the_squared_gradient() -> None:
    images = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    expected = quadratic(images).mean()  # |x|^2 / 2 again, since the gradient is x
    assert zero_centred(quadratic(images), (images,)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_gradient_of_length_one_costs_nothing_and_a_longer_one_its_squared_excess() -> None:
    direction = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    direction /= direction.norm()
    real, fake = torch.randn(6, 3, 4, 4), torch.randn(6, 3, 4, 4)
    for length, expected in ((1.0, 0.0), (3.0, 4.0), (0.5, 0.25)):
        penalty = gradient_penalty(lambda images: (length * direction * images[0]).flatten(1).sum(1), (real,), (fake,))  # noqa: B023
        assert penalty.item() == pytest.approx(expected, abs=1e-5)  # float32


def test_the_gradient_penalty_looks_between_each_real_and_made_image() -> None:
    places: list[Tensor] = []

    def answer(images: tuple[Tensor, ...]) -> Tensor:
        places.append(images[0].detach())
        return quadratic(images[0])

    real, fake = torch.zeros(64, 1, 2, 2), torch.ones(64, 1, 2, 2)
    gradient_penalty(answer, (real,), (fake,))
    shares = places[0].flatten(1)
    assert torch.equal(shares, shares[:, :1].expand_as(shares))  # one place for each image
    assert 0 <= shares.min() < 0.2
    assert 0.8 < shares.max() <= 1


def test_both_penalties_teach_the_critic() -> None:
    torch.manual_seed(3)
    first = nn.Linear(12, 8)
    critic = nn.Sequential(nn.Flatten(), first, nn.Softplus(), nn.Linear(8, 1), nn.Flatten(0))
    real, fake = torch.randn(4, 3, 2, 2).requires_grad_(), torch.randn(4, 3, 2, 2).requires_grad_()
    weight = first.weight
    penalties: tuple[Callable[[], Tensor], ...] = (
        lambda: zero_centred(critic(real), (real,)),
        lambda: gradient_penalty(lambda images: critic(images[0]), (real,), (fake,)),
    )
    for penalty in penalties:
        torch.manual_seed(4)
        before = penalty()
        (gradient,) = torch.autograd.grad(before, weight)
        step = 1e-3 / gradient.norm()
        with torch.no_grad():
            weight -= step * gradient
        torch.manual_seed(4)
        fallen = before.item() - penalty().item()
        assert fallen == pytest.approx(1e-3 * gradient.norm().item(), rel=0.05)  # first order of a small step
        with torch.no_grad():
            weight += step * gradient


def test_every_scale_of_an_image_counts() -> None:
    fine, coarse = torch.full((2, 1, 4, 4), 0.5).requires_grad_(), torch.full((2, 1, 2, 2), 2.0).requires_grad_()
    both = zero_centred(quadratic(fine) + quadratic(coarse), (coarse, fine))
    assert both.item() == pytest.approx((16 * 0.25 + 4 * 4) / 2)
