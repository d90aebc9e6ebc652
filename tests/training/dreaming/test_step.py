"""One step of a dream without autograd gives the objective's own gradient, guided or not."""

import pytest
import torch

from training.dreaming.dream import channel_dream
from training.dreaming.step import DreamStep
from training.features.stack import FeatureStack, orthogonal_stack


@pytest.fixture
def stack() -> FeatureStack:
    return orthogonal_stack(((4,), (6, 6)), 1).double()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("guided", [0.0, 1.5])
def test_the_gradient_is_autograds(stack: FeatureStack, guided: float) -> None:
    weights = [noise(layer.channels) - 0.3 for layer in stack.layers]
    guides = [noise(7, layer.channels, seed=2) for layer in stack.layers]
    pull = torch.full((len(weights),), guided, dtype=torch.float64)
    image = noise(1, 3, 12, 8, seed=3).requires_grad_()
    objective, gradient, _ = DreamStep(stack)(image, pull, weights, guides)
    (wanted,) = torch.autograd.grad(objective.sum(), image)
    assert torch.allclose(gradient, wanted, rtol=1e-9, atol=1e-12)  # float64, in another order


def test_the_objective_is_what_was_asked_for(stack: FeatureStack) -> None:
    image, place = noise(1, 3, 8, 8), 2
    maps = stack(2 * image - 1)[place]
    none = [torch.zeros(layer.channels, dtype=torch.float64) for layer in stack.layers]
    zeros = [torch.zeros(1, layer.channels, dtype=torch.float64) for layer in stack.layers]
    one = [each.clone() for each in none]
    one[place][3] = 2
    objective, _, _ = DreamStep(stack)(image, torch.zeros(3, dtype=torch.float64), one, zeros)
    assert objective.item() == pytest.approx(2 * maps[0, 3].square().mean().item())
    guides = [*zeros[:place], noise(5, maps.shape[1], seed=4)]
    pull = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    objective, _, _ = DreamStep(stack)(image, pull, none, guides)
    assert objective.item() == pytest.approx((maps[0].flatten(1).T @ guides[place].T).amax(1).mean().item())


def test_a_channel_responds_to_its_own_dream_more_than_others_do() -> None:
    stack = orthogonal_stack(((6,), (8,)), 1)
    dreams = torch.stack([channel_dream(stack, "relu2_1", channel, 16) for channel in range(8)])
    assert dreams.abs().max() <= 1
    answers = stack(dreams)[1].square().mean((2, 3))  # (dream, channel)
    assert (answers.argmax(0) == torch.arange(8)).all()
