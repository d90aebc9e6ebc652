"""Every loss is its paper's formula, and drives each player where it is to go."""

import math

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.training.adversarial.pairs import settings
from training.adversarial.losses import Loss, NonSaturating, loss_of, switched

NAMES = ("non-saturating", "least-squares", "wasserstein", "hinge", "relativistic")
REAL = torch.tensor([2.0, -0.5, 0.3])
FAKE = torch.tensor([-1.5, 0.25, 0.6])


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


EXPECTED = {
    "non-saturating": (
        mean([-math.log(sigmoid(r)) for r in REAL.tolist()]) + mean([-math.log(1 - sigmoid(f)) for f in FAKE.tolist()]),
        mean([-math.log(sigmoid(f)) for f in FAKE.tolist()]),
    ),
    "least-squares": (
        mean([(r - 1) ** 2 for r in REAL.tolist()]) / 2 + mean([f**2 for f in FAKE.tolist()]) / 2,
        mean([(f - 1) ** 2 for f in FAKE.tolist()]) / 2,
    ),
    "wasserstein": (mean(FAKE.tolist()) - mean(REAL.tolist()), -mean(FAKE.tolist())),
    "hinge": (
        mean([max(0, 1 - r) for r in REAL.tolist()]) + mean([max(0, 1 + f) for f in FAKE.tolist()]),
        -mean(FAKE.tolist()),
    ),
    "relativistic": (
        mean([-math.log(sigmoid(r - f)) for r, f in zip(REAL.tolist(), FAKE.tolist(), strict=True)]),
        mean([-math.log(sigmoid(f - r)) for r, f in zip(REAL.tolist(), FAKE.tolist(), strict=True)]),
    ),
}


def hard(name: str) -> Loss:
    """Without smoothing."""
    return loss_of(settings(loss=name, real_label=1.0))


@pytest.mark.parametrize("name", NAMES)
def test_both_losses_are_the_papers(name: str) -> None:
    loss = hard(name)
    critic, generator = EXPECTED[name]
    assert loss.critic(REAL, FAKE).item() == pytest.approx(critic, rel=1e-5)  # float32
    assert loss.generator(FAKE, REAL).item() == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_critic_raises_answers_to_real_images_and_the_generator_those_to_made_ones(name: str) -> None:
    loss = hard(name)
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    for_real, for_fake = torch.autograd.grad(loss.critic(real, fake), (real, fake))
    assert (for_real < 0).all()  # descent raises them
    assert (for_fake >= 0).all()
    assert (for_fake > 0).all() or name == "least-squares"  # whose made images are at their label already
    (for_made,) = torch.autograd.grad(loss.generator(fake, real), fake)
    assert (for_made < 0).all()


@given(st.floats(0.51, 1), st.floats(0, 0.49))
@hypothesis.settings(deadline=None, max_examples=30)
def test_smoothed_cross_entropy_is_the_librarys_and_least_at_the_labels(real_label: float, fake_label: float) -> None:
    loss = NonSaturating(real_label, fake_label)
    library = functional.binary_cross_entropy_with_logits(REAL, torch.full_like(REAL, real_label))
    library = library + functional.binary_cross_entropy_with_logits(FAKE, torch.full_like(FAKE, fake_label))
    assert loss.critic(REAL, FAKE).item() == pytest.approx(library.item(), rel=1e-4)
    right = [torch.logit(torch.tensor([label], dtype=torch.float64), eps=1e-12) for label in (real_label, fake_label)]
    assert loss.critic(right[0], right[1]).item() == pytest.approx(loss.least, abs=1e-6)
    assert loss.critic(REAL, FAKE).item() > loss.least


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("non-saturating", (2 / 3, 1 / 3)),
        ("least-squares", (1 / 3, 2 / 3)),  # the middle between the labels
        ("wasserstein", (2 / 3, 2 / 3)),  # beyond the mean of the others
        ("hinge", (2 / 3, 1 / 3)),
        ("relativistic", (1 / 3, 1 / 3)),  # pair by pair
    ],
)
def test_what_the_critic_gets_right_is_counted_apart(name: str, expected: tuple[float, float]) -> None:
    real, fake = hard(name).right(REAL, FAKE)
    assert (real.item(), fake.item()) == pytest.approx(expected)


def test_answers_are_shown_as_probabilities_where_they_are_logits() -> None:
    assert torch.equal(hard("non-saturating").shown(REAL), REAL.sigmoid())
    assert torch.equal(hard("hinge").shown(REAL), REAL)


def test_switched_labels_exchange_whole_pairs_and_as_many_as_are_wanted() -> None:
    torch.manual_seed(1)
    real, fake = torch.ones(20000), -torch.ones(20000)
    first, second = switched(real, fake, 0.05)
    assert torch.equal(first, -second)
    assert (first < 0).float().mean().item() == pytest.approx(0.05, abs=0.008)  # five deviations
    untouched: tuple[Tensor, Tensor] = switched(real, fake, 0.0)
    assert untouched[0] is real
    assert untouched[1] is fake


def test_a_relativistic_generator_needs_real_answers() -> None:
    with pytest.raises(ValueError, match="answers to both are needed"):
        hard("relativistic").generator(FAKE, None)
