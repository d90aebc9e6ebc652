"""Everything that a finished generator is measured by, each figure beside that of real images."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.judges.judge import TrainedJudge
from training.metrics.coverage import DENSITY_NEIGHBOURS, measure_coverage
from training.metrics.finished import FinishedGenerator
from training.metrics.frechet import frechet_distance, knows_covariance
from training.metrics.images import ANY
from training.metrics.inception import Inception
from training.metrics.judged import deviation_ratios, judged_by, opinion, recognised
from training.metrics.kernel import kernel_distance
from training.metrics.neighbours import memorised_share, spaces
from training.metrics.scores import Scores, score_images
from training.metrics.synthetic import synthetic_accuracy
from training.parts import build_accelerator, mix
from training.record import versions

MEANINGS = {
    "frechet": "Frechet distance in the judge's features, less is better",
    "kernel": "kernel distance in the judge's features, less is better",
    "kernel/deviation": "its deviation over subsets",
    "precision": "share of made images among the real ones",
    "recall": "share of real images among the made ones",
    "density": "how deep made images lie among the real ones",
    "coverage": "share of real images with a made one near",
    "judged": "share of right class, or recognised with confidence",
    "confident": "share recognised with a probability of 0.8 or more",
    "classes": "classes found",
    "deviation": "of a pixel across latent vectors, as a share of the real one",
    "deviation/least": "the same, in the class that varies least",
    "synthetic": "accuracy on real images of a classifier trained on made ones",
    "copies/features": "share nearer to a training image than real ones are",
    "copies/pixels": "the same in pixels",
    "inception/frechet": "Frechet distance in Inception's features, as published",
    "inception/kernel": "kernel distance in Inception's features",
}
"""What each figure says, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What an evaluation does.

    Attributes:
        images: made by the generator; 0: as many as its recipe says.
        seed: of the latent vectors.
        inception: the file of Inception's weights; None: features of the judge alone.
        synthetic: whether a classifier is trained on made images, which takes as long as training the judge.
    """

    images: int = 0
    seed: int = 0
    inception: Path | None = None
    synthetic: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one run.

    Attributes:
        about: recipe, number of images, seed, judge, features and versions.
        made: figures of generated images, by the names of `MEANINGS`; None where there is nothing to measure.
        real: the same figures of as many training images, which a perfect generator would reach.
    """

    about: dict[str, Any]
    made: Scores
    real: Scores


def evaluate(finished: FinishedGenerator, effort: Effort, say: Callable[[str], None]) -> Evaluation:
    """Measure a generator against held-out real images.

    Args:
        finished: of a run.
        effort: how much.
        say: told what is done next.

    Raises:
        TrainingError: the recipe names no judge, the judge does not know the classes, or a file cannot be read.
    """
    judge, splits = finished.judge(), finished.images()
    count = effort.images or finished.judged_images
    say(f"{finished.recipe.name}: {count} images, judged by {judge.name} (accuracy on real ones {judge.accuracy:.4f})")
    made = finished.draw(count, effort.seed)
    shown = _as_asked(_sample(splits.train, count, effort.seed), made)
    figures, real_figures = (_figures(images, splits.validation, judge, effort.seed) for images in (made, shown))
    figures |= _copies(made, splits, judge)
    if effort.synthetic and made.classes != ANY:
        say("training a classifier on made images")
        figures["synthetic"] = _synthetic(finished, len(splits.train), splits.validation, effort.seed)
        real_figures["synthetic"] = judge.accuracy
    if effort.inception is not None:
        say("asking Inception")
        figures |= _by_inception(Inception(effort.inception), made, splits, effort.seed)
    return Evaluation(_about(finished, judge, effort, count), figures, real_figures)


def _about(finished: FinishedGenerator, judge: TrainedJudge, effort: Effort, count: int) -> dict[str, Any]:
    features = f"{judge.name}, {judge.network.dimensions} values"
    return {
        "recipe": finished.recipe.name,
        "run": str(finished.run.folder),
        "images": count,
        "seed": effort.seed,
        "judge": {"recipe": judge.name, "accuracy": judge.accuracy},
        "features": features if effort.inception is None else f"{features}; Inception v3 from {effort.inception}",
        "versions": versions(),
    }


def _figures(made: ClassifiedImages, held_out: ClassifiedImages, judge: TrainedJudge, seed: int) -> Scores:
    """What needs no more than two sets of images and a judge."""
    said, known = opinion(judge, made), opinion(judge, held_out)
    figures: Scores = {name: value for name, value in score_images(made, held_out, judge).items() if name != "score"}
    figures["confident"] = float(recognised(said, judged_by(judge.classes, held_out.classes)).mean())
    figures["deviation/least"] = min(deviation_ratios(made, held_out).values(), default=None)
    if min(len(made), len(held_out)) > DENSITY_NEIGHBOURS:
        kernel = kernel_distance(known.features, said.features, seed)
        figures |= {"kernel": kernel.mean, "kernel/deviation": kernel.deviation}
        figures |= asdict(measure_coverage(known.features, said.features))
    return figures


def _copies(made: ClassifiedImages, splits: ClassifiedSplits, judge: TrainedJudge) -> Scores:
    features, pixels = map(memorised_share, spaces(made, splits, judge))
    return {"copies/features": features, "copies/pixels": pixels}


def _synthetic(finished: FinishedGenerator, count: int, held_out: ClassifiedImages, seed: int) -> float:
    """With as many made images as there are real ones to learn from."""
    recipe = finished.judge_recipe()
    made = finished.draw(count, mix(seed, 1))  # others than are measured by the same judge
    return synthetic_accuracy(made, held_out, recipe, build_accelerator(recipe.loop))


def _by_inception(inception: Inception, made: ClassifiedImages, splits: ClassifiedSplits, seed: int) -> Scores:
    """Against all real images, as is usual: 2048 features need more than 2048 of them."""
    said = inception.features(made)
    known = np.concatenate([inception.features(images) for images in (splits.train, splits.validation)])
    enough = knows_covariance(said) and knows_covariance(known)
    return {
        "inception/frechet": frechet_distance(said, known) if enough else None,
        "inception/kernel": kernel_distance(known, said, seed).mean if min(len(said), len(known)) >= 4 else None,
    }


def _sample(images: ClassifiedImages, count: int, seed: int) -> ClassifiedImages:
    """As many images, each once, or all."""
    return images.take(np.random.default_rng(seed).permutation(len(images))[:count])


def _as_asked(real: ClassifiedImages, made: ClassifiedImages) -> ClassifiedImages:
    """Real images, without their classes where made ones have none, so that their figures mean the same."""
    if made.classes != ANY:
        return real
    return ClassifiedImages(real.pixels, np.zeros(len(real), np.int64), ANY, real.names)
