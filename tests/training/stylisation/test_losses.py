"""Style and content as numbers: what the papers' equations say of images that can be reckoned by hand."""

import pytest
import torch

from training.stylisation.losses import content_loss, gram, statistics, style_loss, variation, variation_gradient


def test_a_gram_matrix_is_the_mean_product_of_two_maps() -> None:
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    assert gram(maps).tolist() == [[[2.5, 1.5], [1.5, 4.5]]]


def test_a_gram_matrix_forgets_where_and_how_large() -> None:
    maps = torch.rand(1, 3, 4, 4)
    moved = maps.flatten(2)[:, :, torch.randperm(16)].view(1, 3, 4, 4)
    assert torch.allclose(gram(maps), gram(moved), atol=1e-6)
    assert torch.allclose(gram(maps), gram(torch.cat((maps, maps), 3)), atol=1e-6)


def test_losses_are_the_papers_over_the_number_of_values() -> None:
    assert style_loss(torch.full((1, 2, 2), 3.0), torch.full((1, 2, 2), 1.0)).item() == 1
    assert content_loss(torch.full((1, 2, 2, 2), 3.0), torch.full((1, 2, 2, 2), 1.0)).item() == 2


def test_variation_counts_steps_between_neighbours() -> None:
    assert variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])).item() == 0.5
    image = torch.rand(1, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    variation(image).backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert torch.allclose(variation_gradient(image.detach()), image.grad, atol=1e-12)


def test_statistics_are_of_each_map() -> None:
    mean, deviation = statistics(torch.tensor([[[[0.0, 2.0]], [[5.0, 5.0]]]]))
    assert mean.tolist() == [[1, 5]]
    assert deviation[0].tolist() == pytest.approx([1, 1e-5**0.5], rel=1e-3)
