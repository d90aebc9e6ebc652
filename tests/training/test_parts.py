"""The small parts of a loop."""

import os
import signal

import pytest
import torch

from training.errors import TrainingError
from training.parts import Interruption, build_accelerator, mix, require_finite, seed_step
from training.recipe import Loop


def test_every_number_changes_a_mixed_seed() -> None:
    seeds = {mix(a, b, c) for a in range(4) for b in range(4) for c in range(4)}
    assert len(seeds) == 64
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_what_a_step_draws_is_a_function_of_its_number() -> None:
    seed_step(1, 5)
    first = torch.rand(3)
    seed_step(1, 6)
    assert not torch.equal(first, torch.rand(3))
    seed_step(1, 5)
    assert torch.equal(first, torch.rand(3))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_the_loss_that_is_not_finite_is_named(value: float) -> None:
    losses = {"boxes": torch.tensor(1.0), "classes": torch.tensor(value)}
    with pytest.raises(TrainingError, match=rf"^step 3: classes = {value}: .* the batch was a.png, b.png"):
        require_finite(losses, 2, ("a.png", "b.png"))


def test_finite_losses_come_back_as_numbers() -> None:
    assert require_finite({"boxes": torch.tensor(1.5, requires_grad=True)}, 0, ()) == {"boxes": 1.5}


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has a GPU, which can")
def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(TrainingError, match=r"loop.precision = 'fp16' needs a GPU"):
        build_accelerator(Loop(epochs=1, batch=1, precision="fp16"))


def test_the_first_interrupt_is_a_flag_and_the_second_stops() -> None:
    accelerator = build_accelerator(Loop(epochs=1, batch=1))
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert not interruption.agreed(accelerator)
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.agreed(accelerator)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
