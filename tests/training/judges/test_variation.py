"""Training images of a judge are varied as the recipe says, and no more."""

import pytest
import torch

from training.judges.variation import moved, recoloured, vary
from training.recipe import Augment

STILL = {"flip": 0, "zoom": (1, 1), "shift": 0, "brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}


def augment(**changes: object) -> Augment:
    return Augment.model_validate(STILL | changes)


@pytest.fixture
def images() -> torch.Tensor:
    """Six smooth images, so that moving them by parts of a pixel changes little."""
    coarse = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (24, 24), mode="bilinear")


def test_nothing_asked_for_changes_nothing(images: torch.Tensor) -> None:
    assert torch.allclose(vary(images, augment()), images, atol=1e-5)  # one interpolation at whole pixels


def test_the_seed_decides_and_every_image_is_varied_by_itself(images: torch.Tensor) -> None:
    same = images[:1].expand(6, -1, -1, -1)
    varied = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        varied.append(vary(same, Augment(turn=20, elastic=0.05)))
    assert torch.equal(varied[0], varied[1])
    assert not torch.equal(varied[0], varied[2])
    assert not torch.equal(varied[0][0], varied[0][1])
    assert varied[0].abs().max() <= 1


def test_a_flip_is_the_mirror_image(images: torch.Tensor) -> None:
    assert torch.allclose(moved(images, augment(flip=1)), images.flip(3), atol=1e-5)  # as above


def test_a_quarter_turn_turns(images: torch.Tensor) -> None:
    torch.manual_seed(1)
    turned = moved(images.expand(6, 3, 24, 24), augment(turn=180))
    assert (turned - images).abs().mean() > 0.1
    middle = turned[:, :, 11:13, 11:13].mean((2, 3))
    assert torch.allclose(middle, images[:, :, 11:13, 11:13].mean((2, 3)), atol=0.05)  # what turns keeps its middle


def test_shifts_and_bends_are_no_larger_than_asked_for() -> None:
    across = torch.linspace(-1, 1, 48).expand(4, 1, 48, 48).clone()
    torch.manual_seed(3)
    shifted = moved(across, augment(shift=0.1))
    assert (shifted - across).abs().max() <= 0.2 * 48 / 47 + 1e-4  # a tenth of the side, which spans 2
    bent = moved(across, augment(elastic=0.03))
    assert 0.001 < (bent - across).abs().mean() < 0.06


def test_colours_turn_around_grey(images: torch.Tensor) -> None:
    torch.manual_seed(4)
    recolour = augment(hue=0.3, saturation=0.5)
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert torch.allclose(recoloured(grey, recolour), grey, atol=1e-5)  # greys stay, but for rounding
    gentle = images * 0.3
    assert torch.allclose(recoloured(gentle, recolour).mean(1), gentle.mean(1), atol=1e-5)  # and so does lightness
    assert (recoloured(gentle, recolour) - gentle).abs().mean() > 0.02
