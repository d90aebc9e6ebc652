"""Batches of pairs and of two domains: which images, how they are varied, and that a resumed run sees the same."""

from collections.abc import Sequence

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from tests.training.translators.examples import domain, pairs, tiny
from training.errors import TrainingError
from training.recipe import Augment
from training.translators.batches import DomainBatch, DomainBatches, PairBatches, varied

PLAIN = {"augment__flip": "0.0", "augment__zoom": "[1.0, 1.0]"}
VARIED = {"augment__flip": "0.5", "augment__zoom": "[1.0, 1.5]"}


def numbers(images: Tensor) -> list[int]:
    """Of images that have one colour."""
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_both_images_of_a_pair_are_varied_alike() -> None:
    batches = PairBatches(pairs(8), tiny("pix2pix-maps", loop__batch=4, **VARIED), Accelerator(cpu=True))
    for step in batches.epoch(0, 0):
        (batch,) = step.batches
        assert batch.inputs.shape == (4, 3, 32, 32)
        torch.testing.assert_close(batch.targets, -batch.inputs, rtol=0, atol=1e-5)  # each is the other's negative


def test_an_epoch_sees_every_pair_once_and_begins_anywhere() -> None:
    batches = PairBatches(pairs(8), tiny("pix2pix-maps", loop__batch=2, **VARIED), Accelerator(cpu=True))
    whole, rest = [list(batches.epoch(3, start)) for start in (0, 2)]
    assert sorted(file for step in whole for file in step.files) == [f"pair {number}" for number in range(8)]
    for one, other in zip(whole[2:], rest, strict=True):
        assert one.files == other.files
        assert torch.equal(one.batches[0].inputs, other.batches[0].inputs)
    again = next(iter(batches.epoch(4, 0)))
    assert again.files != whole[0].files


def test_an_epoch_goes_through_the_larger_domain_and_draws_from_the_smaller_one() -> None:
    for sizes in ((3, 8), (8, 3)):
        recipe = tiny("cyclegan-cow2horse", loop__batch=2, **PLAIN)
        domains = (domain(sizes[0], 0), domain(sizes[1], 1))
        batches = DomainBatches(domains, recipe, Accelerator(cpu=True))
        steps = [step.batches[0] for step in batches.epoch(0, 0)]
        assert len(steps) == 4
        larger = [_side(batch, int(sizes[1] > sizes[0])) for batch in steps]
        smaller = [_side(batch, int(sizes[1] < sizes[0])) for batch in steps]
        assert sorted(_all(larger)) == list(range(8))
        assert set(_all(smaller)) <= {0, 1, 2}
        assert all((batch.first[:, 2] == -1).all() and (batch.second[:, 2] == 1).all() for batch in steps)


def test_images_of_equally_large_domains_meet_others_in_each_epoch() -> None:
    domains = (domain(16, 0), domain(16, 1))
    batches = DomainBatches(domains, tiny("cyclegan-cow2horse", loop__batch=1, **PLAIN), Accelerator(cpu=True))
    met = [
        {
            (numbers(batch.first)[0], numbers(batch.second)[0])
            for step in batches.epoch(epoch, 0)
            for batch in step.batches
        }
        for epoch in range(2)
    ]
    assert len(met[0] & met[1]) < 8


def test_a_zoom_shows_a_part_of_the_image_at_its_full_size() -> None:
    ramp = torch.linspace(-1, 1, 64).expand(32, 3, 64, 64).contiguous()
    seen = varied(ramp, Augment(flip=0.0, zoom=(2.0, 2.0)), torch.Generator().manual_seed(0))
    slopes = seen[:, :, :, 40] - seen[:, :, :, 24]
    torch.testing.assert_close(slopes, torch.full_like(slopes, 16 / 63), rtol=0, atol=1e-3)  # half of 2 * 16 / 63
    assert float(seen[:, 0, 0, 0].std()) > 0.1  # from anywhere
    assert seen.abs().max() <= 1


def test_half_of_the_images_are_mirrored() -> None:
    ramp = torch.linspace(-1, 1, 8).expand(400, 3, 8, 8).contiguous()
    seen = varied(ramp, Augment(flip=0.5, zoom=(1.0, 1.0)), torch.Generator().manual_seed(0))
    share = float((seen[:, 0, 0, 0] > 0).float().mean())
    assert 0.42 < share < 0.58  # three deviations of 400 tosses


@pytest.mark.parametrize("zoom", ["[0.5, 1.5]", "[1.5, 1.0]"])
def test_images_that_would_be_made_smaller_are_refused(zoom: str) -> None:
    with pytest.raises(TrainingError, match=r"augment.zoom = \[.*enlarged and never made smaller"):
        PairBatches(pairs(4), tiny("pix2pix-maps", augment__zoom=zoom), Accelerator(cpu=True))


def _side(batch: DomainBatch, number: int) -> Tensor:
    return batch.second if number else batch.first


def _all(parts: Sequence[Tensor]) -> list[int]:
    return [number for part in parts for number in numbers(part)]
