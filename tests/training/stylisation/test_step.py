"""One step without autograd gives the losses and the gradient of the whole of Gatys' loss."""

import pytest
import torch

from training.features.stack import FeatureStack, orthogonal_stack
from training.stylisation.gatys import StyleSettings, settings_for, stylise
from training.stylisation.losses import content_loss, gram, style_loss, variation
from training.stylisation.step import StyleStep


@pytest.fixture
def stack() -> FeatureStack:
    return orthogonal_stack(((4, 4), (6, 6), (8,)), 1).double()


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_losses_and_gradient_are_autograds(stack: FeatureStack) -> None:
    contents = stack(2 * noise(16, 24, 1) - 1)
    grams = [gram(maps) for maps in stack(2 * noise(20, 12, 2) - 1)]
    content_weights, style_weights = noise(1, 5, 3)[0, 0, 0], 100 * noise(1, 5, 4)[0, 0, 0]
    weight = torch.tensor([0.7], dtype=torch.float64)
    image = noise(16, 24, 5).requires_grad_()
    maps = stack(2 * image - 1)
    places = range(len(stack.layers))
    wanted = torch.stack(
        (
            torch.stack([content_weights[i] * content_loss(maps[i], contents[i]) for i in places]).sum(),
            torch.stack([style_weights[i] * style_loss(gram(maps[i]), grams[i]) for i in places]).sum(),
            weight[0] * variation(image),
        )
    )
    (slope,) = torch.autograd.grad(wanted.sum(), image)
    step = StyleStep(stack)
    losses, gradient, _, _ = step(image.detach(), content_weights, style_weights, weight, contents, grams)
    assert torch.allclose(losses, wanted, rtol=1e-9)  # float64, in another order
    assert torch.allclose(gradient, slope, rtol=1e-9, atol=1e-12)


def test_at_its_own_targets_an_image_has_neither_loss_nor_gradient(stack: FeatureStack) -> None:
    image = noise(8, 8, 1)
    maps = stack(2 * image - 1)
    ones = torch.ones(5, dtype=torch.float64)
    found = StyleStep(stack)(image, ones, ones, 0 * ones[:1], maps, [gram(each) for each in maps])
    assert found[0].abs().max() == 0
    assert found[1].abs().max() == 0


def test_the_papers_layers_are_chosen_for_vgg_19() -> None:
    stack = FeatureStack(((1, 1), (1, 1), (1,) * 4, (1,) * 4, (1,) * 4))
    chosen = settings_for(stack)
    assert chosen.content_layers == ("relu4_2",)
    assert chosen.style_layers == ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_either_optimiser_takes_most_of_the_style_loss_away(optimiser: str) -> None:
    stack = orthogonal_stack(((8,), (12,)), 1)
    content, style = (2 * noise(16, 16, seed).float() ** power - 1 for seed, power in ((1, 1), (2, 4)))
    stack.normalise(content)
    settings = StyleSettings(("relu2_1",), ("relu1_1", "relu2_1"), steps=40, optimiser=optimiser)  # type: ignore[arg-type]
    image, losses = stylise(stack, content, style, settings)
    assert losses[-1][1] < 0.1 * losses[0][1]
    assert image.abs().max() <= 1
