"""Trains any adversarial model: whose turn it is, with which step, and what is done when the players fall apart."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import Any, Protocol

import torch
import typer
from accelerate import Accelerator
from accelerate.utils import broadcast, reduce
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from training.adversarial.balance import Balance
from training.adversarial.gan import settings_of
from training.adversarial.losses import loss_of
from training.adversarial.model import AdversarialModel, Turn
from training.adversarial.refuge import Refuge
from training.adversarial.watch import Trouble, Watch
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.optimisation import Average, build_optimiser
from training.run import Run

Scores = dict[str, float | None]


class Step(Protocol):
    """What one process computes in one step: `batches` has what each of the critics' updates is to get."""

    @property
    def batches(self) -> Any: ...

    @property
    def files(self) -> tuple[str, ...]: ...


class Data(Protocol):
    """Where batches come from.

    Attributes:
        steps: of an epoch.
        images_per_step: over all processes.
    """

    steps: int
    images_per_step: int

    def epoch(self, epoch: int, start: int) -> Iterator[Step]:
        """The steps of an epoch from `start` on, the same ones each time."""


class AdversarialTask:
    """Two players, their data and their optimisers: a `training.loop.Task`.

    Attributes:
        model: the players.
        watch: has seen what went wrong.
    """

    metric = "score"

    def __init__(
        self,
        model: AdversarialModel,
        data: Data,
        run: Run,
        accelerator: Accelerator,
        examine: Callable[[nn.Module, int], Scores],
    ) -> None:
        """Args:
        model: its networks are moved to the device.
        data: the model's batches.
        run: its recipe says how the players are trained.
        accelerator: the device, the processes and the precision.
        examine: scores `best_network()` after a number of steps; "score" is the one that more of is better.
        """
        self.recipe, self.accelerator, self.model = run.recipe, accelerator, model
        self._folder, self._data, self._examine = run.folder, data, examine
        self.settings = settings_of(run.recipe)
        loop = self.recipe.loop
        self.steps_per_epoch, self.images_per_step = data.steps, data.images_per_step
        self._steps, self._done = loop.epochs * data.steps, 0
        self._taught = {**model.generators, **model.helpers}  # by the generators' optimiser
        for network in (*self._taught.values(), *model.critics.values()):
            network.to(accelerator.device).to(memory_format=_layout(network, accelerator.device)).train()
        self.averages = {name: Average(network, loop.ema) for name, network in model.generators.items() if loop.ema}
        self.optimisers = {
            "generator": self._optimiser(self._taught, 1.0),
            "critic": self._optimiser(model.critics, self.settings.critic_rate),
        }
        trained = {**self._taught, **model.critics}
        trained |= {f"average-{name}": average for name, average in self.averages.items()}
        self.refuge = Refuge(trained, wanted=self.settings.watch == "roll-back")
        self.balance = Balance(dynamic=self.settings.balance == "dynamic")
        self.watch = Watch(loss_of(self.settings).least)
        self.networks: dict[str, nn.Module] = {
            **trained, "refuge": self.refuge, "balance": self.balance, "watch": self.watch
        }  # fmt: skip
        if loop.compile:
            self._compile()

    def batches(self, epoch: int, start: int) -> Iterator[Step]:
        """Real images."""
        return self._data.epoch(epoch, start)

    def step(self, batch: Step, number: int) -> Mapping[str, float]:
        """The critics' turns, then the generators'."""
        progress = number / self._steps
        values: dict[str, Tensor] = {}
        critic_moves, generator_moves = self.balance.critic_moves, self.balance.generator_moves
        for part in batch.batches:
            with self.accelerator.autocast():
                turn = self.model.critic_turn(part, progress, number)
            if critic_moves:  # else it was only asked how it stands
                self._descend("critic", self.model.critics, turn)
            values |= _named("critic", turn)
        for _ in range(self.settings.generator_steps if generator_moves else 0):
            with _untouched(self.model.critics), self.accelerator.autocast():
                turn = self.model.generator_turn(batch.batches[-1], progress, number)
            self._descend("generator", self._taught, turn)
            values |= _named("generator", turn)
        if generator_moves:
            for name, average in self.averages.items():
                average.update(self.model.generators[name])
        return self._judged(self._numbers(values), number)

    @torch.no_grad()
    def evaluate(self) -> Scores:
        """Scores of the weights that would be kept; the critics that belong to the best ones are kept beside them."""
        network = self.best_network()
        if self.accelerator.num_processes > 1:  # running means are each process's own; those of the first are kept
            for buffer in network.buffers():
                broadcast(buffer)
        scores = self._examine(network, self._done)
        if self.refuge.offer(scores.get(self.metric)):
            if not self.watch.streaks.any():
                self.refuge.keep()
            if self.accelerator.is_main_process:
                for name, critic in self.model.critics.items():
                    save_weights(critic, self._folder / f"best-{name}.safetensors")
        return scores

    def best_network(self) -> nn.Module:
        """The generator, with averaged weights where there are any; of several generators all, by name."""
        found = {
            name: self.averages[name].network if name in self.averages else network
            for name, network in self.model.generators.items()
        }
        return next(iter(found.values())) if len(found) == 1 else nn.ModuleDict(found)

    def _optimiser(self, networks: Mapping[str, nn.Module], factor: float) -> Any:
        settings = self.recipe.optimiser
        both = nn.ModuleDict(dict(networks))
        fused = settings.name != "rmsprop" and self.accelerator.scaler is None
        return self.accelerator.prepare(build_optimiser(both, settings, factor=factor, fused=fused))

    def _compile(self) -> None:
        """Make kernels of the networks; of critics only where no gradient is taken of their gradient."""
        twice = self.settings.gradient_penalty or self.settings.r1 or self.settings.r2
        critics = () if twice else self.model.critics.values()
        for network in (*self.model.generators.values(), *critics):
            network.compile()

    def _descend(self, player: str, networks: Mapping[str, nn.Module], turn: Turn) -> None:
        optimiser = self.optimisers[player]
        total = torch.stack([loss.float() for loss in turn.losses.values()]).sum()
        optimiser.zero_grad()
        self.accelerator.backward(total)
        weights = [p for network in networks.values() for p in network.parameters() if p.grad is not None]
        if self.accelerator.num_processes > 1:
            self._share_gradients(weights)
        if self.recipe.loop.clip_norm:
            self.accelerator.clip_grad_norm_(weights, self.recipe.loop.clip_norm)
        optimiser.step()
        if player == "critic" and self.settings.clip_weights:
            with torch.no_grad():
                for weight in weights:
                    weight.clamp_(-self.settings.clip_weights, self.settings.clip_weights)

    def _share_gradients(self, weights: list[nn.Parameter]) -> None:
        """Average over the processes. DistributedDataParallel knows no gradients of gradients, and no turns."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        shared: Any = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
        for gradient, part in zip(gradients, shared.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def _numbers(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """All values with one wait for the device, over all processes."""
        together: Any = torch.stack([value.detach().float() for value in values.values()])
        if self.accelerator.num_processes > 1:
            together = reduce(together, reduction="mean")
        return dict(zip(values, together.tolist(), strict=True))

    def _judged(self, values: dict[str, float], number: int) -> Mapping[str, float]:
        """The values that may be recorded, once balance and watch have seen them."""
        self._done = number + 1
        trouble = self.watch.saw(values, number)
        finite = {name: value for name, value in values.items() if isfinite(value)}
        self.balance.saw(finite)
        if trouble is not None:
            self._act(trouble, first=number + 1 in self.watch.first, finite=len(finite) == len(values))
        return finite

    def _act(self, trouble: Trouble, *, first: bool, finite: bool) -> None:
        """Stop, go back, or note what happened; weights that are no numbers can only be left."""
        if self.settings.watch == "note" and finite:
            if first:
                self._say(trouble.sentence)
        elif self.refuge.open:
            self.refuge.go_back(self.optimisers)
            self.watch.begin_again()
            self._say(f"{trouble.sentence}; going on from the best state with half the learning rate")
        else:
            raise TrainingError(trouble.sentence)

    def _say(self, sentence: str) -> None:
        if self.accelerator.is_main_process:
            typer.echo(f"note: {sentence}", err=True)


def _layout(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last, which convolutions compute fastest in; but instance normalisation only knows channels first, and
    on a CPU, turning its features around and back took a fifth of CycleGAN's step.
    """
    turned = device.type == "cpu" and any(isinstance(module, _InstanceNorm) for module in network.modules())
    return torch.contiguous_format if turned else torch.channels_last


def _named(player: str, turn: Turn) -> dict[str, Tensor]:
    """A turn's values: the player's name for its adversarial loss, "critic_class" and the like for others."""
    losses = {
        player if name == "adversarial" else f"{player}_{name}": loss.detach() for name, loss in turn.losses.items()
    }
    return {**losses, **turn.measures}


@contextmanager
def _untouched(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """No gradients for these networks' weights: the other player's turn has no use for them."""
    weights = [p for network in networks.values() for p in network.parameters() if p.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
