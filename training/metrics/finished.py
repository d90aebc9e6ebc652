"""A trained generator with everything that it is measured by: its critic, the images it learned from, its judge."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from training.adversarial.gan import Batch, GanModel
from training.adversarial.model import ImageGenerator
from training.checkpoint import load_weights
from training.classified_data import classified_images_of
from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.errors import TrainingError
from training.generators.registry import BUILDERS, build_model
from training.judges.judge import RUNS, TrainedJudge, judge_of
from training.metrics.distances import nearest
from training.metrics.frechet import Features
from training.metrics.images import draw_images, to_tensor
from training.metrics.judged import best_device, judged_by, opinion
from training.metrics.neighbours import copy_distance, spaces
from training.metrics.selection import Evidence, Rule, Selection, select
from training.recipe import Judge, Recipe
from training.run import Run, read_recipe, read_run_summary, without_starts

BATCH = 64


@dataclass(frozen=True, slots=True)
class FinishedGenerator:
    """A generator of a run, with the weights that the run keeps as its best.

    Attributes:
        run: its recipe, folder and data.
        players: generator and critic in evaluation mode, on this process's best device; of the critic only the network.
    """

    run: Run
    players: GanModel

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    @property
    def generator(self) -> ImageGenerator:
        """After `training.adversarial.model.ImageGenerator`."""
        return cast(ImageGenerator, self.players.generator)

    def images(self) -> ClassifiedSplits:
        """Real ones: what it learned from, and those held out."""
        return classified_images_of(self.run)

    def judge(self) -> TrainedJudge:
        """Trained first where no run of it is there yet.

        Raises:
            TrainingError: the recipe names none.
        """
        return judge_of(self._judge)

    def judge_recipe(self) -> Recipe:
        """By which the judge was trained; call `judge` first."""
        return read_recipe(RUNS / self._judge.recipe / "recipe.json")

    @property
    def judged_images(self) -> int:
        """How many the recipe has made for a score."""
        return self._judge.images

    def draw(self, count: int, seed: int, label: str = "") -> ClassifiedImages:
        """Images 0..count-1 of a seed; of all classes in turn where no label is given.

        Raises:
            TrainingError: it has no such class.
        """
        classes = self.recipe.data.classes if self.generator.classes else ()
        if label and label not in classes:
            known = f"there are {', '.join(classes)}" if classes else "it was trained without classes"
            raise TrainingError(f"--label {label}: {self.recipe.name} cannot be asked for it; {known}")
        return draw_images(self.generator, classes, count, seed, classes.index(label) if label else None)

    @torch.no_grad()
    def realness(self, images: ClassifiedImages) -> Features:
        """What the critic that was trained against this generator says of images, float64 (n,), more is more real.

        Raises:
            TrainingError: the run's folder has no critic.
        """
        load_weights(self.players.critic, self.run.folder / "best-critic.safetensors")
        answers = []
        for start in range(0, len(images), BATCH):
            some = slice(start, start + BATCH)
            pixels, labels = to_tensor(images.pixels[some]), torch.from_numpy(images.labels[some])
            batch = Batch(pixels.to(best_device()), labels.to(best_device()), tuple(images.names[some]))
            answers.append(self.players.answers(self.players.real(batch), batch.labels)[0].cpu().double())
        realness: Features = torch.cat(answers).numpy()
        return realness

    @property
    def _judge(self) -> Judge:
        if self.recipe.judge is None:
            raise TrainingError(f"recipe {self.recipe.name} names no judge: there is nothing to measure by")
        return self.recipe.judge


def load_generator(folder: Path, data: Path | None = None) -> FinishedGenerator:
    """The best generator of a run.

    Args:
        folder: of the run.
        data: the folder of real images; else that which it was trained on.

    Raises:
        TrainingError: the folder is no run of a generator, or a file of it is missing or damaged.
    """
    found = read_recipe(folder / "recipe.json")
    if found.adversarial is None:
        raise TrainingError(f"{folder}: the recipe {found.name} trains no generator")
    if found.model.name not in BUILDERS:
        raise TrainingError(
            f"{folder} is the run of a {found.model.name}, no network that makes images out of latent vectors; "
            f"runs of translators are measured by `python -m training translations`"
        )
    trained_on = str(read_run_summary(folder).get("data", found.data.source))
    if data is None and trained_on != found.data.source:
        data = Path(trained_on)
    players = build_model(without_starts(found))
    load_weights(players.generator, folder / "best.safetensors")
    for network in (players.generator, players.critic):
        network.to(best_device()).eval().requires_grad_(False)
    return FinishedGenerator(Run(found, folder, data=data), players)


def select_images(
    finished: FinishedGenerator, images: ClassifiedImages, critic_quantile: float, confidence: float
) -> tuple[Evidence, Selection]:
    """Ask the critic, the judge and the training images about a generator's images, and apply the rule of selection.

    Args:
        finished: what made the images.
        images: as `FinishedGenerator.draw` gives them.
        critic_quantile: after `Rule`.
        confidence: after `Rule`.

    Raises:
        TrainingError: the run has no judge or no critic any more, or a number is out of range.
    """
    judge = finished.judge()
    space, _ = spaces(images, finished.images(), judge)
    distance = nearest(space.made, space.train)[0][:, 0]
    evidence = Evidence(finished.realness(images), opinion(judge, images), distance)
    classes = judged_by(judge.classes, finished.recipe.data.classes)
    rule = Rule(critic_quantile, copy_distance(space), classes, confidence)
    return evidence, select(images, evidence, rule)
