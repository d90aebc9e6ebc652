"""The way back that is written out gives the gradient that autograd gives."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.features.backward import image_gradient
from training.features.stack import orthogonal_stack

PLANS = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=20, deadline=None)
@given(plan=PLANS, rows=st.integers(1, 4), columns=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_gradient_is_autograds(plan: list[list[int]], rows: int, columns: int, seed: int) -> None:
    stack = orthogonal_stack(plan, seed).double()
    chance = torch.Generator().manual_seed(seed)
    sides = rows * stack.multiple, columns * stack.multiple
    images = torch.rand(1, 3, *sides, generator=chance, dtype=torch.float64).requires_grad_()
    activations = stack(images)
    slopes = [torch.randn(maps.shape, generator=chance, dtype=torch.float64) for maps in activations]
    total = sum((maps * slope).sum() for maps, slope in zip(activations, slopes, strict=True))
    (wanted,) = torch.autograd.grad(torch.as_tensor(total), images)
    found = image_gradient(stack, [maps.detach() for maps in activations], slopes)
    assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)  # float64, in another order
