"""Differentiable augmentation: what it does to images, that gradients pass, and that every scale gets the same."""

import pytest
import torch

from training.adversarial.augment import Kind, varied

KINDS: tuple[Kind, ...] = ("colour", "translation", "cutout")


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass_to_the_generator_as_finite_differences_say(kind: Kind) -> None:
    torch.manual_seed(1)
    images = torch.randn(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)

    def vary(given: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(2)
        return varied((given,), (kind,))[0]

    assert torch.autograd.gradcheck(vary, (images,), fast_mode=True)


def test_a_translated_image_is_the_image_elsewhere_with_its_edges_continued() -> None:
    torch.manual_seed(3)
    images = torch.rand(64, 3, 16, 16) + 1
    (moved,) = varied((images,), ("translation",))
    seen = set()
    for image, result in zip(images, moved, strict=True):
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(result, shifted(image, down, right))
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 15  # of 25 places, an eighth of the side in each direction


def shifted(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    height, width = image.shape[1:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return image[:, rows][:, :, columns]


def test_a_square_of_half_the_side_is_cut_out_at_most() -> None:
    torch.manual_seed(4)
    (cut,) = varied((torch.ones(256, 1, 16, 16),), ("cutout",))
    missing = (cut == 0).flatten(1).sum(1)
    assert missing.max() == 64
    assert missing.min() <= 25  # in a corner only a quarter of it is inside
    assert set(cut.flatten().tolist()) == {0.0, 1.0}


def test_colours_keep_what_an_image_shows() -> None:
    torch.manual_seed(5)
    images = torch.rand(128, 3, 8, 8) * 2 - 1
    (changed,) = varied((images,), ("colour",))
    before, after = images.mean((1, 2, 3)), changed.mean((1, 2, 3))
    assert (after - before).abs().max() <= 0.5 + 1e-6
    assert (after - before).std() > 0.2  # brightness, uniform over 1
    grey, grey_after = images.mean(1).flatten(1), changed.mean(1).flatten(1)
    contrast = grey_after.std(1) / grey.std(1)
    assert 0.5 - 1e-3 <= contrast.min() < 0.6
    assert 1.4 < contrast.max() <= 1.5 + 1e-3
    correlation = torch.nn.functional.cosine_similarity(
        grey - grey.mean(1, True), grey_after - grey_after.mean(1, True)
    )
    assert correlation.min() > 0.999


def test_every_scale_of_an_image_gets_the_same() -> None:
    torch.manual_seed(6)
    fine = torch.rand(8, 3, 32, 32)
    coarse = torch.nn.functional.avg_pool2d(fine, 2)
    small, large = varied((coarse, fine), ("colour", "cutout"))
    again = torch.nn.functional.avg_pool2d(large, 2)
    # only pixels at the edge of the cut may differ
    assert ((small - again).abs().amax(1) > 1e-5).float().mean() < 0.1


def test_real_and_made_images_are_varied_alike() -> None:
    images = torch.rand(4096, 1, 4, 4, generator=torch.Generator().manual_seed(7))
    torch.manual_seed(8)
    first, second = (varied((images,), KINDS)[0] for _ in range(2))
    assert not torch.equal(first, second)
    # means over 65,536 values with deviations below 0.6: 5 deviations of their difference are 0.017
    assert abs(first.mean() - second.mean()) < 0.02


def test_nothing_wanted_is_nothing_done() -> None:
    images = (torch.rand(2, 3, 8, 8),)
    assert varied(images, ()) is images
