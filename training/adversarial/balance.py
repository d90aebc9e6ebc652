"""Who of two players moves: both in every step, or not the one that is far ahead (row G10)."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

CRITIC_AHEAD = 0.9
"""Running share of images that the critic is right about, above which it waits."""

GENERATOR_AHEAD = 0.55
"""The share below which the generator waits: a critic that only guesses tells it nothing."""

_KEPT = 0.9


class Balance(nn.Module):
    """Decides from what the critic got right of late. Its state is a buffer, so that a checkpoint holds it."""

    def __init__(self, *, dynamic: bool) -> None:
        super().__init__()
        self._dynamic = dynamic
        self.accuracy: Tensor
        self.register_buffer("accuracy", torch.tensor(0.75, dtype=torch.float64))

    @property
    def critic_moves(self) -> bool:
        return not self._dynamic or self.accuracy.item() <= CRITIC_AHEAD

    @property
    def generator_moves(self) -> bool:
        return not self._dynamic or self.accuracy.item() >= GENERATOR_AHEAD

    def saw(self, values: Mapping[str, float]) -> None:
        """Take in a step's values; "accuracy/real" and "accuracy/fake" are those that count."""
        accuracy = critic_accuracy(values)
        if accuracy is not None:
            self.accuracy.fill_(_KEPT * self.accuracy.item() + (1 - _KEPT) * accuracy)


def critic_accuracy(values: Mapping[str, float]) -> float | None:
    """Share of all images that the critic is right about, 0..1; None where a step's values do not say."""
    shares = [values.get("accuracy/real"), values.get("accuracy/fake")]
    return None if None in shares else sum(cast(list[float], shares)) / 2
