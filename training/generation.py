"""Trains an image generator against its critic: real images, a judge that scores what is made, sheets of samples."""

from typing import cast

import torch
import typer
from torch import nn

from training.adversarial.batches import ImageBatches
from training.adversarial.gan import settings_of
from training.adversarial.model import ImageGenerator
from training.adversarial.task import AdversarialTask, Scores
from training.classified_data import classified_images_of
from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.generators.registry import build_model
from training.judges.judge import TrainedJudge, judge_of
from training.loop import Loop
from training.metrics.scores import generator_scores
from training.parts import build_accelerator, seed_step
from training.run import Run, prepare_folder
from training.samples import film_strip, write_sheet
from training.summary import log_line, write_summary


def train_generator(run: Run) -> None:
    """Train the generator of a recipe into the run's folder; its judge is trained first where there is none yet.

    Raises:
        TrainingError: the data, the recipe or the checkpoint does not allow it, or the two players have fallen apart.
    """
    accelerator = build_accelerator(run.recipe.loop)
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():  # the first one renders, the others read what it left
        images = classified_images_of(run)
    _check_size(images.train, run)
    judge = judge_of(run.recipe.judge, accelerator) if run.recipe.judge else None
    seed_step(run.recipe.loop.seed, 0)
    model = build_model(run.recipe)
    batches = ImageBatches(images.train, run.recipe.loop, settings_of(run.recipe).critic_steps, accelerator)
    exam = Exam(run, images.validation, judge, writes=accelerator.is_main_process)
    task = AdversarialTask(model, batches, run, accelerator, exam)
    loop = Loop(task, run, accelerator)
    records = loop.train()
    if accelerator.is_main_process:
        film_strip(exam.folder, run.recipe.model.size)
        facts = {
            "images": images.counts(),
            "parameters": _size(model.generator),
            "critic_parameters": _size(model.critic),
            "watch": task.watch.seen(),
            "ways_back": int(task.refuge.ways_back),
        }
        typer.echo(log_line(write_summary(run, loop.outcome(records, facts))))
    accelerator.end_training()


class Exam:
    """What is looked at from time to time while a generator is trained: a sheet of samples, and the judge's scores.

    Attributes:
        folder: of the sheets.
    """

    def __init__(self, run: Run, real: ClassifiedImages, judge: TrainedJudge | None, *, writes: bool) -> None:
        """Args:
        run: with the judge's settings and the seed.
        real: held-out images to compare with.
        judge: None: there are no scores.
        writes: whether this process writes the sheets.
        """
        self.folder = run.samples
        self._recipe, self._real, self._judge, self._writes = run.recipe, real, judge, writes

    @torch.no_grad()
    def __call__(self, network: nn.Module, step: int) -> Scores:
        """Scores after a number of steps; without a judge there is only the name of the best one, without a value."""
        generator = cast(ImageGenerator, network)
        if self._writes:
            write_sheet(generator, step, self.folder)
        settings = self._recipe.judge
        if self._judge is None or settings is None:
            return {AdversarialTask.metric: None}
        return generator_scores(generator, self._real, self._judge, settings, self._recipe.loop.seed)


def _check_size(images: ClassifiedImages, run: Run) -> None:
    """A generator's images have to be of the size of the real ones."""
    size, channels = run.recipe.model.size, run.recipe.data.channels
    if images.pixels.shape[1:] != (size, size, channels):
        height, width, found = images.pixels.shape[1:]
        raise TrainingError(
            f"the images have {width} x {height} pixels and {found} channels, but the generator of {run.recipe.name} "
            f"makes {size} x {size} with {channels}: model.size, data.width and data.height must be equal"
        )


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
