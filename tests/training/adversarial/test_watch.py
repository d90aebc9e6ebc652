"""The watch sees each kind of trouble once it lasts, and forgets after a new beginning; who is far ahead waits."""

import math

import pytest

from training.adversarial.balance import Balance
from training.adversarial.watch import Limits, Trouble, Watch

WELL = {"critic": 0.7, "generator": 0.8, "accuracy/real": 0.8, "accuracy/fake": 0.7, "spread/made": 0.9}
SOON = Limits(size_steps=3, dead_steps=4, spread_steps=5)


def lasting(watch: Watch, values: dict[str, float], steps: int, start: int = 0) -> list[Trouble | None]:
    return [watch.saw({**WELL, **values}, number) for number in range(start, start + steps)]


@pytest.mark.parametrize(
    ("values", "kind", "steps", "words"),
    [
        ({"generator": -2e4}, "diverged", 3, "the loss 'generator' has grown to -2e+04: the players have diverged"),
        (
            {"critic": 0.01, "accuracy/real": 1.0, "accuracy/fake": 1.0},
            "dead critic",
            4,
            "for 4 steps the critic has been right about all images: it tells the generator nothing any more",
        ),
        ({"spread/made": 0.02}, "collapsed", 5, "all images made have been alike (their deviation is 0.020 of"),
    ],
)
def test_trouble_is_seen_once_it_has_lasted(values: dict[str, float], kind: str, steps: int, words: str) -> None:
    watch = Watch(0.0, SOON)
    *before, found = lasting(watch, values, steps)
    assert before == [None] * (steps - 1)
    assert found is not None
    assert found.kind == kind
    assert found.sentence.startswith(f"step {steps}: ")
    assert words in found.sentence
    assert "adversarial." in found.sentence  # the advice names fields
    assert watch.seen() == {kind: steps}
    watch.begin_again()
    assert lasting(watch, values, steps - 1, steps) == [None] * (steps - 1)
    assert watch.seen() == {kind: steps}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_trouble_at_once(value: float) -> None:
    (found,) = lasting(Watch(0.0), {"critic_penalty": value}, 1)
    assert found is not None
    assert found.sentence.startswith(f"step 1: 'critic_penalty' is {value}, no finite number: ")


def test_one_good_step_breaks_a_streak() -> None:
    watch = Watch(0.0, SOON)
    assert lasting(watch, {"critic": 2e4}, 2) == [None, None]
    assert lasting(watch, {}, 1) == [None]
    assert lasting(watch, {"critic": 2e4}, 2) == [None, None]


def test_a_critic_is_dead_only_at_the_least_loss_there_is() -> None:
    right = {"critic": 0.33, "accuracy/real": 1.0, "accuracy/fake": 1.0}
    assert lasting(Watch(0.0, SOON), right, 9) == [None] * 9
    assert lasting(Watch(0.325, SOON), right, 9)[-1] is not None  # what smoothing to 0.9 leaves
    assert lasting(Watch(None, SOON), {**right, "critic": -3.0}, 9) == [None] * 9  # Wasserstein's knows no least


def test_what_a_step_does_not_say_is_not_held_against_it() -> None:
    watch = Watch(0.0, SOON)
    assert [watch.saw({"generator": 1.0}, number) for number in range(9)] == [None] * 9


def test_whoever_is_far_ahead_waits() -> None:
    balance = Balance(dynamic=True)
    assert (balance.critic_moves, balance.generator_moves) == (True, True)
    for _ in range(20):
        balance.saw({"accuracy/real": 1.0, "accuracy/fake": 1.0})
    assert (balance.critic_moves, balance.generator_moves) == (False, True)
    for _ in range(30):
        balance.saw({"accuracy/real": 0.2, "accuracy/fake": 0.8})
    assert (balance.critic_moves, balance.generator_moves) == (True, False)
    balance.saw({})
    assert (balance.critic_moves, balance.generator_moves) == (True, False)


def test_under_fixed_balance_nobody_waits() -> None:
    balance = Balance(dynamic=False)
    for _ in range(20):
        balance.saw({"accuracy/real": 1.0, "accuracy/fake": 1.0})
    assert (balance.critic_moves, balance.generator_moves) == (True, True)
