"""How weights change: the optimiser, its learning rate over time, and the running average of the weights."""

import math

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training import recipe

FACTOR = "factor"
"""Of the learning rate, in a group of an optimiser."""

_Tensors = tuple[Tensor, ...] | list[Tensor]


def build_optimiser(
    network: nn.Module, settings: recipe.Optimiser, *, factor: float = 1.0, fused: bool = False
) -> Optimizer:
    """The optimiser of a recipe over the network's trainable weights.

    Weight decay is for matrices and filters: biases and the scales of normalisation are left out of it, as is usual.

    Args:
        network: where it is to be computed.
        settings: name, rate and decay.
        factor: of the learning rate, e.g. for one of two players.
        fused: whether all weights are changed by one kernel; a little faster, and not equal to the last bit.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [{**group, FACTOR: factor} for group in groups if group["params"]]
    rate, momentum = settings.learning_rate * factor, settings.momentum
    match settings.name:
        case "adamw":
            return AdamW(groups, lr=rate, betas=(momentum, 0.999), fused=fused or None)
        case "adam":
            return Adam(groups, lr=rate, betas=(momentum, 0.999), fused=fused or None)
        case "sgd":
            return SGD(groups, lr=rate, momentum=momentum, fused=fused or None)
        case "rmsprop":
            return RMSprop(groups, lr=rate, alpha=momentum)


def learning_rate(settings: recipe.Optimiser, step: int, steps: int) -> float:
    """The rate of one step: a linear warm-up from 0, then constant, or falling to 0 linearly or as a half cosine.

    Args:
        settings: with `warmup` in steps, and the share of all steps from which on the rate falls.
        step: 0..steps-1.
        steps: of the whole run.
    """
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    first = max(settings.warmup, round(settings.decay_from * steps))
    done = max(0, step - first) / max(1, steps - first)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[settings.schedule]
    return settings.learning_rate * factor


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Give every group its own share of the rate: the one that `build_optimiser` was told."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(FACTOR, 1.0)


class Average(nn.Module):
    """A running average of a network's weights, which often does better than the weights themselves.

    The decay grows with the steps, min(decay, (1 + n) / (10 + n)), as in TensorFlow's ExponentialMovingAverage: early
    weights are forgotten quickly, so that short runs have a use for it too. Buffers are those of the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()

        def average(averages: _Tensors, currents: _Tensors, count: Tensor | int) -> None:
            kept = min(decay, (1 + int(count)) / (10 + int(count)))
            get_ema_multi_avg_fn(kept)(averages, currents, count)  # type: ignore[no-untyped-call] # torch's own gap

        self.averaged = AveragedModel(network, multi_avg_fn=average)

    @property
    def network(self) -> nn.Module:
        """A network of its own with the averaged weights."""
        return self.averaged.module

    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        self.averaged.update_parameters(network)
