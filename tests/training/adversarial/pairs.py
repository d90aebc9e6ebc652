"""Two players that are trained in a second: points of a plane, as images of two channels and one pixel."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.adversarial.batches import ImageBatches
from training.adversarial.gan import GanModel
from training.adversarial.model import Latent
from training.adversarial.task import AdversarialTask, Scores
from training.data.classified import ClassifiedImages
from training.loop import Loop
from training.parts import build_accelerator, seed_step
from training.recipe import Adversarial, Data, Model, Optimiser, Recipe
from training.recipe import Loop as LoopTable
from training.run import Run, prepare_folder


class Points(nn.Module):
    """A generator of points (n, 2, 1, 1)."""

    classes = 0

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.latent = Latent(4)
        self.layers = nn.Sequential(
            nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2), nn.Tanh()
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        points: Tensor = self.layers(latents)
        return points[:, :, None, None]


class Critic(nn.Module):
    """A critic of points, with dropout."""

    def __init__(self, width: int = 16, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(2, width), nn.LeakyReLU(0.2), nn.Dropout(dropout), nn.Linear(width, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = self.layers(images)
        return answers.flatten()


def settings(**changes: Any) -> Adversarial:
    return Adversarial.model_validate({"loss": "hinge", **changes})


def recipe(adversarial: Adversarial, **loop: Any) -> Recipe:
    return Recipe(
        name="points",
        title="Points",
        source="none",
        data=Data(source="folder", classes=("left", "right"), train=64, validation=1),
        model=Model(name="points", size=1),
        optimiser=Optimiser(name="adam", learning_rate=loop.pop("rate", 2e-3), momentum=0.5),
        loop=LoopTable.model_validate({"epochs": 3, "batch": 16, "ema": 0.9, "save_every": 2, **loop}),
        adversarial=adversarial,
    )


def clusters(count: int = 64) -> ClassifiedImages:
    """Two clusters, around (-0.6, -0.6) and (0.6, 0.6)."""
    labels = np.arange(count) % 2
    values = (
        np.random.default_rng(7).normal(0, 0.05, (count, 1, 1, 2)) + np.where(labels, 0.6, -0.6)[:, None, None, None]
    )
    pixels = ((values + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return ClassifiedImages(pixels, labels.astype(np.int64), ("left", "right"), [f"point-{n}" for n in range(count)])


class Crash(Exception):
    """As if the process had been killed: nothing is saved after it."""


class CrashingBatches(ImageBatches):
    """Ends the process at the given epoch and step of it, once."""

    at: tuple[int, int] | None = None

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        for step, batch in enumerate(super().epoch(epoch, start), start):
            if (epoch, step) == self.at:
                raise Crash
            yield batch


def training(
    folder: Path,
    what: Recipe,
    model: Callable[[Adversarial], GanModel] | None = None,
    *,
    scores: Callable[[int], float | None] = lambda step: None,
    crash: tuple[int, int] | None = None,
    resume: bool = False,
) -> tuple[AdversarialTask, Loop]:
    """A task and its loop; `scores` says what a judge says after a number of steps."""
    assert what.adversarial is not None
    run = Run(what, folder, resume=resume)
    accelerator = build_accelerator(what.loop)
    prepare_folder(run)
    batches = CrashingBatches(clusters(), what.loop, what.adversarial.critic_steps, accelerator)
    batches.at = crash
    seed_step(what.loop.seed, 0)
    players = model(what.adversarial) if model else GanModel(Points(), Critic(), what.adversarial)

    def examine(generator: nn.Module, step: int) -> Scores:
        torch.randn(3)  # whatever an examination draws must not change the training
        return {"score": scores(step)}

    task = AdversarialTask(players, batches, run, accelerator, examine)
    return task, Loop(task, run, accelerator)


def state(task: AdversarialTask) -> dict[str, Tensor]:
    """Everything that a checkpoint's networks hold, by name."""
    found: dict[str, Tensor] = nn.ModuleDict(dict(task.networks)).state_dict()
    return found
