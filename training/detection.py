"""Trains an object detector: losses from the network itself, scores as COCO counts them."""

from collections.abc import Iterator, Mapping

import torch
import typer
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object
from torch import Tensor, nn

from training.augment import Augmentation
from training.average_precision import average_precision
from training.datasets import Images, images_of
from training.detection_data import (
    DetectionBatch,
    LetterboxedImages,
    Order,
    TrainingBatches,
    TrainingImages,
    held_out_batches,
)
from training.detectors.registry import build_detector
from training.loop import Loop
from training.optimisation import Average, build_optimiser
from training.parts import build_accelerator, require_finite, seed_step
from training.recipe import Recipe
from training.run import Run, prepare_folder
from training.summary import log_line, write_summary


def train_detector(run: Run) -> None:
    """Train the detector of a recipe into the run's folder.

    Raises:
        TrainingError: the data, the recipe or the checkpoint does not allow it, or a loss is not finite.
    """
    accelerator = build_accelerator(run.recipe.loop)
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():  # the first one renders, the others read what it left
        images = images_of(run)
    task = DetectionTask(run.recipe, images, accelerator)
    loop = Loop(task, run, accelerator)
    records = loop.train()
    if accelerator.is_main_process:
        facts = {"images": images.counts(), "parameters": sum(p.numel() for p in task.detector.parameters())}
        typer.echo(log_line(write_summary(run, loop.outcome(records, facts))))
    accelerator.end_training()


class DetectionTask:
    """A detector, its data and its optimiser: a `training.loop.Task`."""

    metric = "mAP50-95"

    def __init__(self, recipe: Recipe, images: Images, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        classes, size, loop = recipe.data.classes, recipe.model.size, recipe.loop
        seed_step(loop.seed, 0)
        self.detector = build_detector(recipe.model, classes).to(accelerator.device)
        self.average = Average(self.detector, loop.ema) if loop.ema else None
        self._wrapped, optimiser = accelerator.prepare(self.detector, build_optimiser(self.detector, recipe.optimiser))
        self.optimisers = {"detector": optimiser}
        self.networks: dict[str, nn.Module] = {"detector": self.detector}
        if self.average is not None:
            self.networks["average"] = self.average
        self._held_out = LetterboxedImages(images.validation, classes, size)
        varied = TrainingImages(
            LetterboxedImages(images.train, classes, size), Augmentation(recipe.augment, size), loop.seed
        )
        order = Order(
            len(images.train), loop.batch, loop.seed, loop.steps, accelerator.process_index, accelerator.num_processes
        )
        self._batches = TrainingBatches(varied, order, loop.workers)
        self.steps_per_epoch, self.images_per_step = order.steps, loop.batch

    def batches(self, epoch: int, start: int) -> Iterator[DetectionBatch]:
        """Varied training images."""
        return self._batches.epoch(epoch, start)

    def step(self, batch: DetectionBatch, number: int) -> Mapping[str, float]:
        """One change of the weights."""
        optimiser = self.optimisers["detector"]
        self._wrapped.train()
        with self.accelerator.autocast():
            losses: dict[str, Tensor] = self._wrapped(*self._on_device(batch))
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        values = require_finite({**losses, "total": total}, number, batch.files)
        optimiser.zero_grad()
        self.accelerator.backward(total)
        if self.recipe.loop.clip_norm:
            self.accelerator.clip_grad_norm_(self.detector.parameters(), self.recipe.loop.clip_norm)
        optimiser.step()
        if self.average is not None:
            self.average.update(self.detector)
        return values

    @torch.no_grad()
    def evaluate(self) -> dict[str, float | None]:
        """Scores of the weights that would be kept, on the held-out images."""
        network = self.best_network().eval()
        if self.accelerator.num_processes > 1:  # running means are each process's own; those of the first are kept
            for buffer in network.buffers():
                broadcast(buffer)
        found: list[dict[str, Tensor]] = []
        true: list[dict[str, Tensor]] = []
        processes = self.accelerator.num_processes
        batches = held_out_batches(self._held_out, self.recipe.loop.batch, self.accelerator.process_index, processes)
        for batch in batches:
            images, _ = self._on_device(batch)
            found += [{name: values.cpu() for name, values in image.items()} for image in network(images)]
            true += batch.targets
        if processes > 1:
            found, true = gather_object(found), gather_object(true)
        network.train()
        return average_precision(found, true, self.recipe.data.classes)

    def best_network(self) -> nn.Module:
        """The averaged weights where there are any."""
        return self.average.network if self.average is not None else self.detector

    def _on_device(self, batch: DetectionBatch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
        device = self.accelerator.device
        images = batch.images.to(device).float() / 255
        targets = [{name: values.to(device) for name, values in target.items()} for target in batch.targets]
        return list(images.unbind()), targets
