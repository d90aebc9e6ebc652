"""The learning rate over time, what weight decay leaves out, and the running average."""

import pytest
import torch
from torch import nn

from training.optimisation import Average, build_optimiser, learning_rate, set_learning_rate
from training.recipe import Optimiser


def settings(**changes: object) -> Optimiser:
    return Optimiser.model_validate({"name": "adamw", "learning_rate": 0.1, **changes})


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1]),
        ("linear", [0.025, 0.05, 0.075, 0.1, 0.1, 0.075, 0.05, 0.025]),
        ("cosine", [0.025, 0.05, 0.075, 0.1, 0.1, 0.0853553, 0.05, 0.0146447]),
    ],
)
def test_the_rate_warms_up_and_falls(schedule: str, expected: list[float]) -> None:
    table = settings(warmup=4, schedule=schedule)
    assert [learning_rate(table, step, 8) for step in range(8)] == pytest.approx(expected, abs=1e-7)


def test_the_rate_is_constant_until_it_falls() -> None:
    table = settings(schedule="linear", decay_from=0.5)
    assert [learning_rate(table, step, 8) for step in range(8)] == pytest.approx([0.1] * 5 + [0.075, 0.05, 0.025])


def test_a_warm_up_longer_than_the_run_is_only_begun() -> None:
    assert learning_rate(settings(warmup=100), 1, 2) == pytest.approx(0.002)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop"])
def test_biases_and_scales_do_not_decay(name: str) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimiser = build_optimiser(network, settings(name=name, weight_decay=0.5))
    decays = {len(group["params"]): group["weight_decay"] for group in optimiser.param_groups}
    assert decays == {1: 0.5, 3: 0.0}
    set_learning_rate(optimiser, 0.25)
    assert {group["lr"] for group in optimiser.param_groups} == {0.25}


def test_frozen_weights_are_left_alone() -> None:
    network = nn.Linear(2, 3)
    network.bias.requires_grad_(False)
    assert len(build_optimiser(network, settings()).param_groups) == 1


def test_the_average_follows_quickly_at_first_and_slowly_later() -> None:
    network = nn.Linear(1, 1, bias=False)
    average, expected = Average(network, decay=0.5), 0.0
    for count, value in enumerate((1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)):
        nn.init.constant_(network.weight, value)
        average.update(network)
        kept = min(0.5, (1 + count) / (10 + count)) if count else 0.0
        expected = kept * expected + (1 - kept) * value
        assert average.network.get_parameter("weight").item() == pytest.approx(expected, rel=1e-6)


def test_the_average_has_the_networks_own_running_means() -> None:
    network = nn.BatchNorm1d(1)
    average = Average(network, decay=0.9)
    network(torch.tensor([[1.0], [3.0]]))
    average.update(network)
    network(torch.tensor([[5.0], [7.0]]))
    average.update(network)
    assert torch.equal(average.network.get_buffer("running_mean"), network.get_buffer("running_mean"))
