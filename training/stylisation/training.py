"""Trains a feed-forward styliser: contents, styles, a loss in a fixed network's features, sheets of held-out pairs."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
import typer
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from training.classified_data import classified_images_of
from training.data.classified import ClassifiedSplits
from training.detection_data import Order
from training.errors import TrainingError
from training.features.network import FeatureNetwork
from training.features.reference import reference_images
from training.features.stack import FeatureStack
from training.judges.judge import judge_of
from training.judges.variation import vary
from training.loop import Loop
from training.optimisation import Average, build_optimiser
from training.parts import build_accelerator, require_finite, seed_step
from training.recipe import Recipe
from training.run import Run, prepare_folder
from training.samples import SHEET, tiled, write_picture
from training.stylisation.adain import Stylizer
from training.stylisation.data import StyleBatch, StyleImages
from training.stylisation.objective import StylizerLoss, pair_losses
from training.summary import log_line, write_summary

NAME = "adain"
SHOWN = 6
"""Pairs on a sheet."""

CALIBRATED = 128
"""Side of the photographs on which features are brought to one scale."""


def train_stylizer(run: Run) -> None:
    """Train the styliser of a recipe into the run's folder; the features are trained first where there are none yet.

    Raises:
        TrainingError: the data, the recipe or the checkpoint does not allow it, or a loss is not finite.
    """
    accelerator = build_accelerator(run.recipe.loop)
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():  # the first one renders, the others read what it left
        images = classified_images_of(run)
    stack = encoder_stack(run.recipe, accelerator)
    seed_step(run.recipe.loop.seed, 0)
    task = StylizerTask(run, Stylizer(stack), images, accelerator)
    loop = Loop(task, run, accelerator)
    records = loop.train()
    if accelerator.is_main_process:
        parameters = sum(parameter.numel() for parameter in task.network.parameters())
        facts = {"images": images.counts(), "parameters": parameters}
        typer.echo(log_line(write_summary(run, loop.outcome(records, facts))))
    accelerator.end_training()


def encoder_stack(recipe: Recipe, accelerator: Accelerator) -> FeatureStack:
    """The features of the recipe's judge up to the layer that it transforms.

    Raises:
        TrainingError: the recipe names no judge, or one without features of this kind.
    """
    if recipe.judge is None:
        raise TrainingError(f"recipe {recipe.name}: judge.recipe must name the features that styles are measured in")
    network = judge_of(recipe.judge, accelerator).network
    if not isinstance(network, FeatureNetwork):
        raise TrainingError(f"judge.recipe = '{recipe.judge.recipe}': must train a 'judge-features'")
    stack = network.cpu().stack()
    stack.normalise(reference_images(CALIBRATED))
    return empty_encoder(recipe, stack)


def empty_encoder(recipe: Recipe, stack: FeatureStack) -> FeatureStack:
    """The stack up to the layer that `model.options.layer` names, its edges reflected."""
    layer = recipe.model.options.get("layer", stack.layers[-1].name)
    return stack.until(str(layer), reflected=True)


class StylizerTask:
    """The styliser, its images and its optimiser: a `training.loop.Task`.

    The score is the mean, over held-out pairs, of sqrt((1 - style left) x (1 - content lost)): 0 for the content as it
    is and for the style alone, 1 for both at once.
    """

    metric = "score"

    def __init__(self, run: Run, network: Stylizer, splits: ClassifiedSplits, accelerator: Accelerator) -> None:
        recipe, loop = run.recipe, run.recipe.loop
        self.recipe, self.accelerator, self.run = recipe, accelerator, run
        self.network = network.to(accelerator.device)
        self._loss = StylizerLoss.of(recipe)
        self._images = StyleImages(recipe, splits, accelerator.device)
        self.average = Average(self.network, loop.ema) if loop.ema else None
        self._wrapped, optimiser = accelerator.prepare(self.network, build_optimiser(self.network, recipe.optimiser))
        self.optimisers = {"stylizer": optimiser}
        self.networks: dict[str, nn.Module] = {"stylizer": self.network}
        if self.average is not None:
            self.networks["average"] = self.average
        self._order = Order(
            len(self._images.contents),
            loop.batch,
            loop.seed,
            loop.steps,
            accelerator.process_index,
            accelerator.num_processes,
        )
        self.steps_per_epoch, self.images_per_step = self._order.steps, loop.batch
        self._step = 0

    def batches(self, epoch: int, start: int) -> Iterator[StyleBatch]:
        """Pairs in a new order each epoch, not varied yet."""
        return self._images.batches(self._order, epoch, start)

    def step(self, batch: StyleBatch, number: int) -> Mapping[str, float]:
        """One change of the decoder's weights."""
        optimiser = self.optimisers["stylizer"]
        contents, styles = (vary(images, self.recipe.augment) for images in (batch.contents, batch.styles))
        with self.accelerator.autocast():
            losses = self._loss(self._wrapped, self.network.encoder, contents, styles)
        values = require_finite(losses, number, batch.files)
        optimiser.zero_grad()
        self.accelerator.backward(torch.stack(list(losses.values())).sum())
        if self.recipe.loop.clip_norm:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.loop.clip_norm)
        optimiser.step()
        if self.average is not None:
            self.average.update(self.network)
        self._step = number + 1
        return values

    @torch.no_grad()
    def evaluate(self) -> dict[str, float | None]:
        """Of held-out pairs, means: what is left of the style loss and lost of the content, 0..1, and the score.

        Every process computes them, as they are few; one writes a sheet.
        """
        network, pairs = self.best_network().eval(), self._images.checked()
        results = [
            stylised(network, content[None], style[None])
            for content, style in zip(pairs.contents, pairs.styles, strict=True)
        ]
        images = torch.cat(results)
        if self.accelerator.is_main_process:
            sheet = torch.cat((pairs.contents[:SHOWN], pairs.styles[:SHOWN], images[:SHOWN]))
            write_picture(tiled(_pixels(sheet), SHOWN), self.run.samples / SHEET.format(step=self._step))
        left, lost = pair_losses(network.encoder, images, pairs.contents, pairs.styles)
        score = ((1 - left).clamp(min=0) * (1 - lost).clamp(min=0)).sqrt().mean()
        return {"score": float(score), "style left": float(left.mean()), "content lost": float(lost.mean())}

    def best_network(self) -> Stylizer:
        """The averaged weights where there are any."""
        averaged = self.average.network if self.average is not None else self.network
        assert isinstance(averaged, Stylizer)
        return averaged


def stylised(network: Stylizer, contents: Tensor, styles: Tensor) -> Tensor:
    """Contents in the styles of other images, at full strength; all float32 (n, 3, height, width) in -1..1."""
    codes = [network.encoder.code(images) for images in (contents, styles)]
    made: Tensor = network(contents, *codes, contents.new_ones(len(contents), 1))
    return made.clamp(-1, 1)


def _pixels(images: Tensor) -> NDArray[np.uint8]:
    whole = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(whole.permute(0, 2, 3, 1).cpu().numpy(), np.uint8)
