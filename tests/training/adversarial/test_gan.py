"""The turns of the usual two players: who gets gradients, what each switch of a recipe does."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.adversarial.pairs import Critic, Points, settings
from training.adversarial.gan import Batch, GanModel, noise_deviation

REAL = Batch(torch.full((8, 2, 1, 1), 0.5), torch.arange(8) % 2, tuple("abcdefgh"))


class Seeing(Critic):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(images.detach())
        return super().forward(images)


class Naming(nn.Module):
    """A critic of two classes, which is asked about images of a class."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.layers(images)
        return features[:, 0] + labels, features[:, 1:]


class Asked(Points):
    """A generator of two classes."""

    classes = 2

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return super().forward(latents) * (labels[:, None, None, None] + 1)


def pair(critic: nn.Module | None = None, generator: nn.Module | None = None, **changes: Any) -> GanModel:
    torch.manual_seed(0)
    return GanModel(generator or Points(), critic or Seeing(), settings(**changes))


def descend(losses: Mapping[str, Tensor]) -> None:
    """Leave the gradients of what a player is to descend at its weights."""
    torch.autograd.backward(list(losses.values()))


def seen(model: GanModel) -> list[Tensor]:
    assert isinstance(model.critic, Seeing)
    return model.critic.shown


def test_the_critics_turn_gives_the_generator_no_gradient() -> None:
    for critic_steps in (1, 2):
        model = pair(critic_steps=critic_steps)
        turn = model.critic_turn(REAL, 0.0, 0)
        descend(turn.losses)
        assert all(weight.grad is None for weight in model.generator.parameters())
        assert all(weight.grad is not None for weight in model.critic.parameters())


def test_the_generators_turn_reaches_its_weights_through_noise_and_augmentation() -> None:
    model = pair(instance_noise=0.1, augment=("colour",))
    model.critic_turn(REAL, 0.0, 0)
    descend(model.generator_turn(REAL, 0.0, 0).losses)
    gradient = next(model.generator.parameters()).grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_both_turns_of_a_step_share_one_batch_of_made_images_and_the_next_turn_has_new_ones() -> None:
    model = pair(Naming(), Asked())
    torch.manual_seed(1)
    averages = model.generator.get_submodule("layers.1")
    model.critic_turn(REAL, 0.0, 0)
    model.generator_turn(REAL, 0.0, 0)
    assert averages.num_batches_tracked == 1
    model.generator_turn(REAL, 0.0, 0)
    assert averages.num_batches_tracked == 2


def test_real_and_made_images_in_one_pass_are_answered_as_in_two() -> None:
    model = pair()
    torch.manual_seed(1)
    together = model.critic_turn(REAL, 0.0, 0)
    assert [len(images) for images in seen(model)] == [16]
    model.one_pass = False
    torch.manual_seed(1)
    apart = model.critic_turn(REAL, 0.0, 0)
    assert [len(images) for images in seen(model)] == [16, 8, 8]
    assert together.losses["adversarial"].item() == pytest.approx(apart.losses["adversarial"].item(), rel=1e-6)
    assert {name: value.item() for name, value in together.measures.items()} == pytest.approx(
        {name: value.item() for name, value in apart.measures.items()}, rel=1e-5
    )


def test_a_critic_that_compares_the_images_of_a_batch_sees_real_and_made_ones_apart() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1), nn.Flatten(0))
    assert not pair(critic).one_pass
    assert pair().one_pass


def test_the_critic_is_shown_real_images_first_and_learns_them_as_real() -> None:
    model = pair(loss="non-saturating", real_label=1.0)
    optimiser = torch.optim.Adam(model.critic.parameters(), 0.05)
    for _ in range(30):
        turn = model.critic_turn(REAL, 0.0, 0)
        optimiser.zero_grad()
        descend(turn.losses)
        optimiser.step()
    assert torch.equal(seen(model)[-1][:8], REAL.images)
    with torch.no_grad():
        assert model.critic(REAL.images).mean() > 1
        assert model.critic(model.make(REAL)[0]).mean() < 0
    assert turn.measures["answer/real"] > 0.7 > turn.measures["answer/fake"]
    assert turn.measures["accuracy/real"] == 1


def test_switched_labels_turn_the_lesson_round() -> None:
    torch.manual_seed(3)
    right = pair(loss="non-saturating").critic_turn(REAL, 0.0, 0)
    torch.manual_seed(3)
    model = pair(loss="non-saturating", label_switching=0.49)
    losses = [model.critic_turn(REAL, 0.0, 0).losses["adversarial"].item() for _ in range(20)]
    assert len(set(losses)) == 20
    assert right.losses["adversarial"].item() not in losses


def test_noise_falls_linearly_to_nothing() -> None:
    chosen = settings(instance_noise=0.2, noise_until=0.5)
    assert [noise_deviation(chosen, progress) for progress in (0, 0.25, 0.5, 0.9)] == pytest.approx([0.2, 0.1, 0, 0])
    assert noise_deviation(settings(instance_noise=0.2, noise_until=0.0), 0.0) == 0
    model = pair(instance_noise=0.2)
    for progress, deviation in ((0.0, 0.2), (0.5, 0.1), (1.0, 0.0)):
        batch = Batch(torch.zeros(4096, 2, 1, 1), torch.zeros(4096, dtype=torch.int64), ("a",) * 4096)
        model.critic_turn(batch, progress, 0)
        # 8,192 draws: the deviation of the deviation is 0.8 %
        assert seen(model)[-1][:4096].std().item() == pytest.approx(deviation, rel=0.05)


def test_penalties_come_every_few_steps_with_as_much_more_weight() -> None:
    def penalties(every: int, number: int) -> dict[str, float]:
        model = pair(r1=1.0, r2=2.0, gradient_penalty=10.0, penalty_every=every)
        torch.manual_seed(5)
        losses = model.critic_turn(REAL, 0.0, number).losses
        return {name: loss.item() for name, loss in losses.items() if name != "adversarial"}

    every_step = penalties(1, 3)
    assert set(every_step) == {"r1", "r2", "penalty"}
    assert penalties(4, 3) == {}
    assert penalties(4, 8) == pytest.approx({name: 4 * value for name, value in every_step.items()}, rel=1e-6)


def test_r1_is_the_squared_gradient_at_real_images_alone() -> None:
    model = pair(nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False), nn.Flatten(0)), r1=3.0)
    weight = model.critic[1].weight  # type: ignore[index] # a Sequential
    expected = 3.0 * weight.square().sum().item() / 2
    assert model.critic_turn(REAL, 0.0, 0).losses["r1"].item() == pytest.approx(expected, rel=1e-6)
    assert not REAL.images.requires_grad


def test_a_critic_that_names_classes_and_its_generator_learn_them() -> None:
    critic, generator = Naming(), Asked()
    model = pair(critic, generator, class_weight=2.0)
    turn = model.critic_turn(REAL, 0.0, 0)
    assert set(turn.losses) == {"adversarial", "class"}
    assert 0 <= turn.measures["accuracy/class"] <= 1
    made = model.generator_turn(REAL, 0.0, 0)
    assert set(made.losses) == {"adversarial", "class"}
    plain = pair(critic, generator, class_weight=1.0)
    assert turn.losses["class"].item() == pytest.approx(2 * plain.critic_turn(REAL, 0.0, 0).losses["class"].item())


def test_images_that_are_all_alike_have_no_spread() -> None:
    model = pair()
    varied = Batch(torch.randn(8, 2, 1, 1), REAL.labels, REAL.files)
    for weight in model.generator.parameters():
        nn.init.zeros_(weight)
    assert model.critic_turn(varied, 0.0, 0).measures["spread/made"] == 0
    assert pair().critic_turn(varied, 0.0, 0).measures["spread/made"] > 0.01


def test_a_relativistic_generator_is_compared_with_real_images() -> None:
    model = pair(loss="relativistic")
    model.critic_turn(REAL, 0.0, 0)
    model.generator_turn(REAL, 0.0, 0)
    assert torch.equal(seen(model)[-1], REAL.images)
