"""The best state of two players, and the way back to it once they have fallen apart."""

from collections.abc import Mapping
from copy import deepcopy
from math import isnan

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.loop import is_better
from training.optimisation import FACTOR

MOST_WAYS_BACK = 4
"""Each halves the learning rate; what falls apart at a sixteenth of it is not saved by less."""


class Refuge(nn.Module):
    """Remembers the best score, and, for whoever wants to go back, the networks that had it.

    All of it is parameters and buffers, so that a checkpoint holds it and a resumed run goes back to the same state.
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, wanted: bool) -> None:
        """Args:
        networks: that are trained, and their averages.
        wanted: whether there is to be a way back; only then the networks are copied.
        """
        super().__init__()
        self._networks = dict(networks)  # a plain dictionary: they are not parts of this one
        self.copies = nn.ModuleDict({name: deepcopy(network) for name, network in networks.items()} if wanted else {})
        self.copies.requires_grad_(False)
        self.best: Tensor
        self.kept: Tensor
        self.ways_back: Tensor
        self.register_buffer("best", torch.tensor(torch.nan, dtype=torch.float64))
        self.register_buffer("kept", torch.tensor(False))
        self.register_buffer("ways_back", torch.tensor(0))

    def offer(self, score: float | None) -> bool:
        """Whether a score is better than all before, which it then replaces."""
        best = self.best.item()
        better = is_better(score, None if isnan(best) else best)
        if better:
            self.best.fill_(torch.nan if score is None else score)
        return better

    @torch.no_grad()
    def keep(self) -> None:
        """Take the networks as they are for the state to go back to."""
        for name, copy in self.copies.items():
            copy.load_state_dict(self._networks[name].state_dict())
        self.kept.fill_(True)

    @property
    def open(self) -> bool:
        """Whether there is a state to go back to, and a way that was not gone too often."""
        return bool(self.copies) and bool(self.kept) and int(self.ways_back) < MOST_WAYS_BACK

    @torch.no_grad()
    def go_back(self, optimisers: Mapping[str, Optimizer]) -> None:
        """Give the networks their best state; the optimisers begin anew with half the learning rate.

        What the optimisers had gathered led to the fall, so that it is forgotten and not brought back.
        """
        for name, copy in self.copies.items():
            self._networks[name].load_state_dict(copy.state_dict())
        for optimiser in optimisers.values():
            optimiser.state.clear()
            for group in optimiser.param_groups:
                group[FACTOR] /= 2
        self.ways_back.add_(1)
