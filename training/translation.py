"""Trains a translator: pairs or two domains, sheets of what held-out images become, scores that choose the best."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import typer
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import nn

from training.adversarial.task import AdversarialTask, Scores
from training.data.translated import PairedImages, PairedSplits, UnpairedSplits
from training.errors import TrainingError
from training.judges.judge import TrainedJudge, judge_of
from training.loop import Loop
from training.metrics.translation.scores import domain_scores, pair_scores
from training.parts import build_accelerator, seed_step
from training.render.maps import PALETTE
from training.run import Run, prepare_folder
from training.samples import SHEET, film_strip, write_picture
from training.summary import log_line, write_summary
from training.translation_data import domains_of, pairs_of
from training.translators.batches import DomainBatches, PairBatches
from training.translators.directions import directions
from training.translators.registry import build_model, learns_from_pairs
from training.translators.sheets import Sheet, domain_sheet, pair_sheet

Splits = PairedSplits | UnpairedSplits


def train_translator(run: Run) -> None:
    """Train the generators of a recipe into the run's folder; its judge is trained first where there is none yet.

    Raises:
        TrainingError: the data, the recipe or the checkpoint does not allow it, or the players have fallen apart.
    """
    accelerator = build_accelerator(run.recipe.loop)
    if accelerator.is_main_process:
        prepare_folder(run)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():  # the first one renders, the others read what it left
        splits = translated_images_of(run)
    judge = judge_of(run.recipe.judge, accelerator) if run.recipe.judge else None
    seed_step(run.recipe.loop.seed, 0)
    model = build_model(run.recipe)
    exam = Exam(run, splits, judge, tuple(model.generators), writes=accelerator.is_main_process)
    task = AdversarialTask(model, _batches(splits, run, accelerator), run, accelerator, exam)
    loop = Loop(task, run, accelerator)
    records = loop.train()
    if accelerator.is_main_process:
        film_strip(run.samples, run.recipe.model.size, exam.made)
        facts = {
            "images": _counts(splits),
            "directions": list(model.generators),
            "parameters": _size(model.generators),
            "critic_parameters": _size(model.critics),
            "watch": task.watch.seen(),
            "ways_back": int(task.refuge.ways_back),
        }
        typer.echo(log_line(write_summary(run, loop.outcome(records, facts))))
    accelerator.end_training()


def translated_images_of(run: Run) -> Splits:
    """What a translator's run learns from and is checked with; pairs lead in the recipe's direction.

    Raises:
        TrainingError: as `pairs_of` and `domains_of`, or the images are not of the size that the recipe trains.
    """
    if learns_from_pairs(run.recipe):
        pairs = pairs_of(run)
        splits: Splits = pairs.reversed() if _leads_back(run) else pairs
        height, width = pairs.train.inputs.shape[1:3]
    else:
        splits = domains = domains_of(run)
        height, width = domains.train[0].pixels.shape[1:3]
    size = run.recipe.model.size
    if (height, width) != (size, size):
        raise TrainingError(
            f"the images have {width} x {height} pixels, but {run.recipe.name} trains with {size} x {size}: "
            "model.size, data.width and data.height must be equal"
        )
    return splits


def palette_of(run: Run, direction: str) -> NDArray[np.uint8] | None:
    """The colours, uint8 (k, 3), that the targets of a direction are drawn with; None: they are no drawings of ours."""
    drawn = run.data is None and run.recipe.data.source == "maps" and direction == directions(run.recipe)[0]
    return PALETTE if drawn else None


class Exam:
    """What is looked at from time to time while a translator is trained: a sheet of held-out images, and scores.

    Attributes:
        made: the rows of a sheet that have what was made.
    """

    def __init__(
        self, run: Run, splits: Splits, judge: TrainedJudge | None, names: tuple[str, ...], *, writes: bool
    ) -> None:
        """Args:
        run: with the folder of the sheets.
        splits: with the held-out images.
        judge: of two domains; None: nothing chooses the best epoch of a translator between domains.
        names: the directions of the generators.
        writes: whether this process writes the sheets.
        """
        self.made: tuple[int, ...] = ()
        if isinstance(splits, UnpairedSplits) and run.recipe.judge:
            splits = splits.fewer(run.recipe.judge.images)
        self._run, self._splits, self._judge, self._names, self._writes = run, splits, judge, names, writes
        self._palette = palette_of(run, names[0])

    @torch.no_grad()
    def __call__(self, network: nn.Module, step: int) -> Scores:
        """Scores after a number of steps.

        Args:
            network: the generator, or a `ModuleDict` of several by direction.
            step: steps done.
        """
        generators = dict(network.items()) if isinstance(network, nn.ModuleDict) else {self._names[0]: network}
        if self._writes:
            sheet = self._sheet(generators)
            self.made = sheet.made
            write_picture(sheet.pixels, self._run.samples / SHEET.format(step=step))
        if isinstance(self._splits, PairedSplits):
            return pair_scores(generators[self._names[0]], self._splits.validation, self._palette)
        return domain_scores(generators, self._splits, self._judge)

    def _sheet(self, generators: Mapping[str, nn.Module]) -> Sheet:
        if isinstance(self._splits, PairedSplits):
            return pair_sheet(generators[self._names[0]], self._splits.validation)
        return domain_sheet(generators, self._splits)


def _batches(splits: Splits, run: Run, accelerator: Accelerator) -> PairBatches | DomainBatches:
    if isinstance(splits, PairedSplits):
        return PairBatches(splits.train, run.recipe, accelerator)
    return DomainBatches(splits.train, run.recipe, accelerator)


def _leads_back(run: Run) -> bool:
    return run.recipe.model.options.get("direction") == directions(run.recipe)[1]


def _counts(splits: Splits) -> dict[str, dict[str, int]]:
    """Images in all, and of each domain."""
    return {"train": _count(splits.train), "validation": _count(splits.validation)}


def _count(images: PairedImages | tuple[Any, Any]) -> dict[str, int]:
    if isinstance(images, PairedImages):
        return {"images": len(images)}
    first, second = images
    names = first.classes
    return {"images": len(first) + len(second), names[0]: len(first), names[1]: len(second)}


def _size(networks: Mapping[str, nn.Module]) -> int:
    return sum(weight.numel() for network in networks.values() for weight in network.parameters())
