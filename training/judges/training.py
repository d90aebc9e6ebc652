"""Trains a judge: a classifier of real images, which scores what generators make."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import typer
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from training.classified_data import classified_images_of
from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.detection_data import Order
from training.judges.network import build_judge
from training.judges.variation import vary
from training.loop import Loop
from training.optimisation import Average, build_optimiser
from training.parts import build_accelerator, require_finite, seed_step
from training.recipe import Recipe
from training.run import Run, prepare_folder
from training.summary import log_line, write_summary

SMOOTHING = 0.05
"""Share of a label that goes to all classes: whoever is never quite sure is surer of real images than of others."""

EVALUATED = 256
"""Images computed at once."""


@dataclass(frozen=True, slots=True)
class JudgeBatch:
    """Images of one step.

    Attributes:
        images: float32 (n, channels, height, width) in -1..1.
        labels: int64 (n,).
        files: where the images come from.
    """

    images: Tensor
    labels: Tensor
    files: tuple[str, ...]


def train_judge(run: Run) -> None:
    """Train the judge of a recipe into the run's folder.

    Raises:
        TrainingError: the data, the recipe or the checkpoint does not allow it, or a loss is not finite.
    """
    accelerator = build_accelerator(run.recipe.loop)
    line = fit_judge(run, accelerator)
    if accelerator.is_main_process:
        typer.echo(line)
    accelerator.end_training()


def fit_judge(run: Run, accelerator: Accelerator) -> str:
    """Train a judge as a part of something else; every process of the accelerator calls it.

    Returns:
        The line for `training/LOG.md`; in other processes than the main one "".

    Raises:
        TrainingError: as `train_judge`.
    """
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():  # the first one renders, the others read what it left
        images = classified_images_of(run)
    task = JudgeTask(run.recipe, images, accelerator)
    loop = Loop(task, run, accelerator)
    records = loop.train()
    if not accelerator.is_main_process:
        return ""
    facts = {"images": images.counts(), "parameters": sum(p.numel() for p in task.network.parameters())}
    return log_line(write_summary(run, loop.outcome(records, facts)))


class JudgeTask:
    """A classifier, its images and its optimiser: a `training.loop.Task`."""

    metric = "accuracy"

    def __init__(self, recipe: Recipe, images: ClassifiedSplits, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        self._train, self._held_out = images.train, images.validation
        loop = recipe.loop
        seed_step(loop.seed, 0)
        self.network = build_judge(recipe).to(accelerator.device)
        self.average = Average(self.network, loop.ema) if loop.ema else None
        self._wrapped, optimiser = accelerator.prepare(self.network, build_optimiser(self.network, recipe.optimiser))
        self.optimisers = {"judge": optimiser}
        self.networks: dict[str, nn.Module] = {"judge": self.network}
        if self.average is not None:
            self.networks["average"] = self.average
        self._order = Order(
            len(images.train), loop.batch, loop.seed, loop.steps, accelerator.process_index, accelerator.num_processes
        )
        self.steps_per_epoch, self.images_per_step = self._order.steps, loop.batch

    def batches(self, epoch: int, start: int) -> Iterator[JudgeBatch]:
        """Training images in a new order each epoch, not varied yet."""
        for keys in self._order.keys(epoch, start):
            numbers = [number for _, _, number in keys]
            images, labels = self._tensors(self._train, numbers)
            yield JudgeBatch(images, labels, tuple(self._train.names[number] for number in numbers))

    def step(self, batch: JudgeBatch, number: int) -> Mapping[str, float]:
        """One change of the weights."""
        optimiser = self.optimisers["judge"]
        self._wrapped.train()
        with self.accelerator.autocast():
            logits = self._wrapped(vary(batch.images, self.recipe.augment))
        loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=SMOOTHING)
        values = require_finite({"class": loss}, number, batch.files)
        optimiser.zero_grad()
        self.accelerator.backward(loss)
        if self.recipe.loop.clip_norm:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.loop.clip_norm)
        optimiser.step()
        if self.average is not None:
            self.average.update(self.network)
        return values

    @torch.no_grad()
    def evaluate(self) -> dict[str, float | None]:
        """Shares of the held-out images, 0..1, which every process computes, as they are few.

        "accuracy": whose class is found; "confident": the same with a probability of at least 0.8.
        """
        network = self.best_network().eval()
        right = confident = 0
        for first in range(0, len(self._held_out), EVALUATED):
            numbers = list(range(first, min(first + EVALUATED, len(self._held_out))))
            images, labels = self._tensors(self._held_out, numbers)
            probability, found = network(images).float().softmax(1).max(1)
            hits = found == labels
            right += int(hits.sum())
            confident += int((hits & (probability >= 0.8)).sum())
        count = len(self._held_out)
        return {"accuracy": right / count, "confident": confident / count}

    def best_network(self) -> nn.Module:
        """The averaged weights where there are any."""
        return self.average.network if self.average is not None else self.network

    def _tensors(self, images: ClassifiedImages, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """Images and labels of some numbers, on the device."""
        pixels = torch.from_numpy(images.pixels[numbers]).to(self.accelerator.device)
        labels = torch.from_numpy(images.labels[numbers]).to(self.accelerator.device)
        return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, labels
