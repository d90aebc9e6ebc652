"""The pool of images that were made before: what it keeps, what it gives."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.translators.pool import ImagePool


def numbered(first: int, count: int) -> Tensor:
    """Images of one pixel, each with its number."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 6), batch=st.integers(1, 4), rounds=st.integers(1, 8), seed=st.integers(0, 99))
def test_every_image_is_given_at_most_once_and_none_is_lost(size: int, batch: int, rounds: int, seed: int) -> None:
    torch.manual_seed(seed)
    pool = ImagePool(size, (1, 1, 1))
    given_away: list[float] = []
    for turn in range(rounds):
        given_away += pool.exchange(numbered(batch * turn, batch)).flatten().tolist()
    made = batch * rounds
    kept = pool.kept.flatten().tolist()[: int(pool.count)]
    assert int(pool.count) == min(size, made)
    later = given_away[min(size, made) :]  # the first ones are kept and given
    assert len(set(later)) == len(later)
    assert set(given_away) | set(kept) == set(range(made))


def test_half_of_what_a_critic_sees_was_made_before() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50, (1, 1, 1))
    pool.exchange(numbered(0, 50))
    seen = torch.cat([pool.exchange(numbered(50 + turn, 1)) for turn in range(1000)]).flatten()
    share = (seen != torch.arange(50, 1050)).float().mean().item()
    assert 0.45 < share < 0.55  # three deviations of 1,000 tosses


def test_a_pool_without_room_gives_what_it_is_given() -> None:
    pool, images = ImagePool(0, (3, 4, 4)), torch.rand(2, 3, 4, 4)
    assert pool.exchange(images) is images


def test_a_pool_that_was_loaded_goes_on_as_the_one_that_was_saved() -> None:
    one, other = ImagePool(3, (1, 1, 1)), ImagePool(3, (1, 1, 1))
    one.exchange(numbered(0, 5))
    other.load_state_dict(one.state_dict())
    for pool in (one, other):
        torch.manual_seed(7)
        pool.exchange(numbered(5, 9))
    assert torch.equal(one.kept, other.kept)
