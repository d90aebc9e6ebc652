"""A finished translator beside all images that were held out: its scores, what it does best, and where it fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.classified import ClassifiedImages
from training.data.translated import PairedImages, PairedSplits, UnpairedSplits
from training.errors import TrainingError
from training.judges.judge import TrainedJudge, judge_of
from training.metrics.judged import best_device, opinion
from training.metrics.translation.images import translate_pixels
from training.metrics.translation.scores import Scores, domain_scores, pair_scores
from training.run import Run, read_run_summary
from training.translation import Splits, palette_of, translated_images_of
from training.translators.sheets import Sheet, domain_sheet, pair_sheet
from training.translators.trained import TrainedTranslator, load_translator

MEANINGS = {
    "l1": "mean distance to the wanted values, 0..1",
    "psnr": "peak signal to noise in dB",
    "accuracy": "share of pixels with the wanted class of the palette",
    "sharpness": "fine detail as a share of the wanted images'",
    "judged": "share that the judge takes for the other domain, the worse direction",
    "real": "share of real images that the judge is right about, the worse domain",
    "cycle": "mean distance after there and back, 0..1",
    "change": "mean distance between an image and its translation, 0..1",
    "inside": "change where the silhouettes are",
    "outside": "change beyond them",
    "background": "change outside as a share of that inside, the worse direction",
    "score": "what the best epoch was chosen by",
}
"""What is measured, by the names of `training.metrics.translation.scores`; less is better of distances and change."""


@dataclass(frozen=True, slots=True)
class FinishedTranslator:
    """A translator of a run, with its images and its judge.

    Attributes:
        run: its recipe, folder and data.
        trained: the generators, on this process's best device.
        splits: the images that it learned from, and those held out.
        judge: of two domains; None where the recipe names none.
    """

    run: Run
    trained: TrainedTranslator
    splits: Splits
    judge: TrainedJudge | None

    def scores(self) -> Scores:
        """On all held-out images."""
        if isinstance(self.splits, PairedSplits):
            return pair_scores(self._only, self.splits.validation, palette_of(self.run, self._direction))
        return domain_scores(self.trained.generators, self.splits, self.judge)

    def sheet(self, count: int, *, worst: bool = False) -> Sheet:
        """The first held-out images with what is made of them.

        Args:
            count: images of each domain, or pairs.
            worst: those that are farthest from what is wanted, or that the judge takes least for the other domain, the
                worst first.

        Raises:
            TrainingError: the worst are wanted of two domains, and nobody judges.
        """
        if isinstance(self.splits, PairedSplits):
            pairs = self.splits.validation
            order = np.argsort(-_distances(self._only, pairs)) if worst else np.arange(len(pairs))
            return pair_sheet(self._only, pairs.take(order[:count]), count)
        return domain_sheet(self.trained.generators, self._worst(self.splits) if worst else self.splits, count)

    @property
    def _direction(self) -> str:
        return next(iter(self.trained.generators))

    @property
    def _only(self) -> torch.nn.Module:
        return self.trained.generators[self._direction]

    def _worst(self, splits: UnpairedSplits) -> UnpairedSplits:
        """The held-out images of each domain, those first that the judge takes least for the other one."""
        if self.judge is None:
            raise TrainingError(f"{self.run.recipe.name} names no judge, so that nobody knows which images are worst")
        names = [f"{a}_to_{b}" for a, b in (splits.domains, splits.domains[::-1])]
        sides = list(splits.validation)
        for number, name in enumerate(names):
            if name in self.trained.generators:
                made = translate_pixels(self.trained.generators[name], sides[number].pixels)
                likeness = _likeness(self.judge, made, sides[number], splits.domains[1 - number])
                sides[number] = sides[number].take(np.argsort(likeness))
        return UnpairedSplits(splits.train, (sides[0], sides[1]))


def load_finished(folder: Path, data: Path | None = None) -> FinishedTranslator:
    """The translator of a finished run.

    Args:
        folder: of the run.
        data: where the images are; None: where the run had them.

    Raises:
        TrainingError: the run is none of a translator, or a file is missing or damaged.
    """
    trained = load_translator(folder)
    for generator in trained.generators.values():
        generator.to(best_device())
    source = read_run_summary(folder).get("data", trained.recipe.data.source)
    elsewhere = None if source == trained.recipe.data.source else Path(source)
    run = Run(trained.recipe, folder, data=data or elsewhere)
    judge = judge_of(trained.recipe.judge) if trained.recipe.judge else None
    return FinishedTranslator(run, trained, translated_images_of(run), judge)


def _distances(generator: torch.nn.Module, pairs: PairedImages) -> NDArray[np.float64]:
    """L1 of each pair, (n,)."""
    made = translate_pixels(generator, pairs.inputs).astype(np.int16)
    return np.asarray(np.abs(made - pairs.targets).mean(axis=(1, 2, 3)), np.float64)


def _likeness(
    judge: TrainedJudge, made: NDArray[np.uint8], images: ClassifiedImages, wanted: str
) -> NDArray[np.float64]:
    """The judge's probability that what was made of each image is of the wanted domain, (n,)."""
    said = opinion(judge, ClassifiedImages(made, images.labels, images.classes, images.names))
    if wanted not in said.classes:
        raise TrainingError(f"the judge knows {', '.join(said.classes)}, not {wanted}")
    return np.asarray(said.probabilities[:, said.classes.index(wanted)])


def as_rows(scores: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Name, value and meaning of what could be measured."""
    rows = []
    for name, value in scores.items():
        if value is not None:
            direction = name.partition("/")[2]
            meaning = MEANINGS.get(name) or f"share of {direction} that the judge takes for the other domain"
            rows.append((name, f"{value:.4g}", meaning))
    return rows
