"""The loop that trains whatever is a `Task`: epochs and steps, metrics, checkpoints, interruption, resume.

A task has its networks and optimisers, as many as it likes, and knows what a step is; the loop knows nothing of images
or losses. Everything random in a step follows from the recipe's seed, the step's number and the process's: that is why
a resumed run gives the same weights as one that was never stopped.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer

from training.checkpoint import Checkpoints, State, save_weights
from training.curves import Record
from training.errors import Interrupted
from training.optimisation import learning_rate, set_learning_rate
from training.parts import Interruption, Progress, mean_over_processes, seed_step
from training.record import MetricsLog, device_name, peak_memory
from training.run import Run
from training.summary import Outcome


class Batch(Protocol):
    """What one process computes in one step."""

    files: tuple[str, ...]
    """Where its images come from, for whoever has to look at them."""


class Task(Protocol):
    """What is trained.

    Attributes:
        metric: the name of the score that says which epoch is best; more is better.
        steps_per_epoch, images_per_step: the second over all processes.
    """

    metric: str
    steps_per_epoch: int
    images_per_step: int

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Everything with weights by name, averages too, not wrapped: what a checkpoint holds."""

    @property
    def optimisers(self) -> Mapping[str, Optimizer]:
        """By name, as the accelerator prepared them."""

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """The batches of an epoch from step `start` on, the same ones each time."""

    def step(self, batch: Any, number: int) -> Mapping[str, float]:
        """Change the weights once.

        Returns:
            Losses by name, and what else is worth recording by "panel/name"; not every step needs to have all of them.

        Raises:
            TrainingError: a loss is not finite, or the task cannot go on for another reason.
        """

    def evaluate(self) -> dict[str, float | None]:
        """Scores by name on the held-out images; None where there is nothing to score."""

    def best_network(self) -> nn.Module:
        """What is kept when the metric is better than ever."""


@dataclass(slots=True)
class Position:
    """How far a run is, and what it has cost.

    Attributes:
        step: steps done.
        seconds: of the whole run, `training_seconds` of them in steps.
        sums: of each value over the steps of the epoch at hand.
        counts: of the steps that had it.
        best, best_epoch: of the task's metric.
    """

    step: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    best: float | None = None
    best_epoch: int = 0


class Loop:
    """One run of one task."""

    def __init__(self, task: Task, run: Run, accelerator: Accelerator) -> None:
        self.task, self.run, self.accelerator = task, run, accelerator
        self.settings = run.recipe.loop
        self.checkpoints = Checkpoints(run.checkpoints)
        self.position = self._resumed() if run.resume else Position()
        self._begun = time.monotonic() - self.position.seconds

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.settings.epochs * self.task.steps_per_epoch

    @property
    def images_per_second(self) -> float:
        """Training images, evaluation not counted."""
        images = self.position.step * self.task.images_per_step
        return images / self.position.training_seconds if self.position.training_seconds else 0.0

    def train(self) -> list[Record]:
        """Run all epochs that are left and return every epoch's record.

        Raises:
            Interrupted: stopped by Ctrl-C or SIGTERM; a checkpoint was written.
            TrainingError: a loss is not finite, or data cannot be read.
        """
        main = self.accelerator.is_main_process
        done = self.position.step // self.task.steps_per_epoch
        log = MetricsLog(self.run, done) if main else None
        with Interruption() as interruption, Progress(self.steps, shown=main) as progress:
            for epoch in range(done, self.settings.epochs):
                self._train_epoch(epoch, interruption, progress)
                record = self._finish_epoch(epoch)
                progress.say(record)
                if log:
                    log.add(record)
                asked = interruption.agreed(self.accelerator)
                if asked or self._due(epoch, self.settings.save_every):
                    self._save()
                    if log:
                        log.draw()
                if asked:
                    self._stop()
        if log:
            log.close()
        return log.records if log else []

    def outcome(self, records: Sequence[Record], facts: Mapping[str, Any]) -> Outcome:
        """What the finished run cost and reached; `facts` are the task's own."""
        return Outcome(
            device=device_name(self.accelerator.device),
            precision=self.settings.precision,
            processes=self.accelerator.num_processes,
            seconds=self.position.seconds,
            images_per_second=self.images_per_second,
            peak_memory=peak_memory(self.accelerator.device),
            metric=self.task.metric,
            best_epoch=self.position.best_epoch,
            records=records,
            facts=facts,
        )

    def _train_epoch(self, epoch: int, interruption: Interruption, progress: Progress) -> None:
        start = self.position.step % self.task.steps_per_epoch
        began = time.monotonic()
        for place, batch in enumerate(self.task.batches(epoch, start), start + 1):
            losses = self._step(batch)
            progress.advance(self.position.step, losses)
            if place < self.task.steps_per_epoch and interruption.agreed(self.accelerator):
                self.position.training_seconds += time.monotonic() - began
                self._save()
                self._stop()
        self.position.training_seconds += time.monotonic() - began

    def _step(self, batch: Batch) -> Mapping[str, float]:
        number = self.position.step
        seed_step(self.settings.seed, number, self.accelerator.process_index)
        for optimiser in self.task.optimisers.values():
            set_learning_rate(optimiser, learning_rate(self.run.recipe.optimiser, number, self.steps))
        losses = self.task.step(batch, number)
        for name, value in losses.items():
            self.position.sums[name] = self.position.sums.get(name, 0.0) + value
            self.position.counts[name] = self.position.counts.get(name, 0) + 1
        self.position.step += 1
        return losses

    def _finish_epoch(self, epoch: int) -> Record:
        """Evaluate where it is due, keep what is best, and put the epoch's record together."""
        record: Record = {"epoch": epoch + 1, "step": self.position.step}
        for name, total in mean_over_processes(self.position.sums, self.accelerator).items():
            record[name if "/" in name else f"loss/{name}"] = total / self.position.counts[name]
        record["learning_rate"] = learning_rate(self.run.recipe.optimiser, self.position.step - 1, self.steps)
        record["images_per_second"] = self.images_per_second
        self.position.sums, self.position.counts = {}, {}
        if self._due(epoch, self.settings.evaluate_every):
            scores = self.task.evaluate()
            self._keep_best(scores.get(self.task.metric), epoch + 1)
            record |= scores
        return record

    def _keep_best(self, score: float | None, epoch: int) -> None:
        if not is_better(score, self.position.best):
            return
        self.position.best, self.position.best_epoch = score, epoch
        if self.accelerator.is_main_process:
            about = {"recipe": self.run.recipe.name, "epoch": str(epoch), self.task.metric: str(score)}
            save_weights(self.task.best_network(), self.run.best, about)

    def _save(self) -> None:
        self.position.seconds = time.monotonic() - self._begun
        if self.accelerator.is_main_process:
            state: State = {"position": asdict(self.position)}
            state["optimisers"] = {name: optimiser.state_dict() for name, optimiser in self.task.optimisers.items()}
            if self.accelerator.scaler is not None:
                state["scaler"] = self.accelerator.scaler.state_dict()
            self.checkpoints.save(self.position.step, self.task.networks, state)

    def _resumed(self) -> Position:
        state = self.checkpoints.load(self.task.networks)
        for name, optimiser in self.task.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        return Position(**state["position"])

    def _due(self, epoch: int, every: int) -> bool:
        return epoch + 1 == self.settings.epochs or (epoch + 1) % every == 0

    def _stop(self) -> None:
        if self.position.step < self.steps:
            raise Interrupted(
                f"stopped after step {self.position.step} of {self.steps}; the state is in {self.run.folder}: "
                "go on with the same command and --resume"
            )


def is_better(score: float | None, best: float | None) -> bool:
    """Whether a score is to replace the best one; among those that could not be scored, the newest is kept."""
    return best is None or (score is not None and score > best)
