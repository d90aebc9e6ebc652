"""A task for the loop: a tiny network with dropout learns a straight line."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from training.loop import Loop
from training.optimisation import Average, build_optimiser
from training.parts import build_accelerator, mix, require_finite
from training.recipe import Data, Model, Optimiser, Recipe
from training.recipe import Loop as LoopTable
from training.run import Run, prepare_folder

STEPS = 5


@dataclass(frozen=True)
class Points:
    x: Tensor
    files: tuple[str, ...]


class Regression:
    """`scores` are what its evaluations say, `poison` the step whose loss is no number, `ctrl_c` that of a Ctrl-C."""

    metric = "score"
    steps_per_epoch = STEPS
    images_per_step = 8

    def __init__(
        self, recipe: Recipe, accelerator: Accelerator, scores: list[float | None], *, poison: int, ctrl_c: int
    ) -> None:
        self.accelerator, self.scores, self.poison, self.ctrl_c = accelerator, scores, poison, ctrl_c
        torch.manual_seed(recipe.loop.seed)
        self.network = nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.average = Average(self.network, recipe.loop.ema)
        self._wrapped, optimiser = accelerator.prepare(self.network, build_optimiser(self.network, recipe.optimiser))
        self.networks: Mapping[str, nn.Module] = {"line": self.network, "average": self.average}
        self.optimisers = {"line": optimiser}
        self.steps_seen: list[int] = []
        self.kept_after: list[int] = []
        self.evaluated = 0

    def batches(self, epoch: int, start: int) -> Iterator[Points]:
        for step in range(start, STEPS):
            draw = torch.Generator().manual_seed(mix(epoch, step))
            yield Points(torch.rand(8, 1, generator=draw), (f"points-{epoch}-{step}.txt",))

    def step(self, batch: Points, number: int) -> Mapping[str, float]:
        self.steps_seen.append(number)
        if number == self.ctrl_c:
            os.kill(os.getpid(), signal.SIGINT)
        loss = (self._wrapped(batch.x) - 3 * batch.x + 1).square().mean()
        values = require_finite({"squares": loss * (torch.nan if number == self.poison else 1)}, number, batch.files)
        self.optimisers["line"].zero_grad()
        self.accelerator.backward(loss)
        self.optimisers["line"].step()
        self.average.update(self.network)
        return values

    def evaluate(self) -> dict[str, float | None]:
        self.evaluated += 1
        return {"score": self.scores[self.evaluated - 1]}

    def best_network(self) -> nn.Module:
        self.kept_after.append(len(self.steps_seen))
        return self.network


def line_recipe(epochs: int) -> Recipe:
    return Recipe(
        name="line",
        title="A line",
        source="none",
        data=Data(source="folder", classes=("a",), train=8, validation=1),
        model=Model(name="line", size=1),
        optimiser=Optimiser(name="adamw", learning_rate=0.01, warmup=3, schedule="cosine"),
        loop=LoopTable(epochs=epochs, batch=8, ema=0.9),
    )


def line(
    folder: Path, scores: Sequence[float | None] = (0.5, 0.5, 0.5), *, resume: bool = False, **mishaps: int
) -> tuple[Regression, Loop]:
    """A task and its loop, ready to train one epoch for each score."""
    run = Run(line_recipe(len(scores)), folder, resume=resume)
    accelerator = build_accelerator(run.recipe.loop)
    task = Regression(run.recipe, accelerator, list(scores), **{"poison": -1, "ctrl_c": -1, **mishaps})
    prepare_folder(run)
    return task, Loop(task, run, accelerator)
