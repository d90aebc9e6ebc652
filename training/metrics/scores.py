"""The few scores of a generator that are cheap enough to be taken again and again while it is trained."""

from training import recipe
from training.adversarial.model import ImageGenerator
from training.data.classified import ClassifiedImages
from training.metrics.frechet import frechet_distance, knows_covariance
from training.metrics.images import ANY, draw_images
from training.metrics.judged import (
    Judge,
    class_accuracy,
    classes_found,
    deviation_ratios,
    judged_by,
    opinion,
    recognised,
)

Scores = dict[str, float | None]


def generator_scores(
    generator: ImageGenerator, real: ClassifiedImages, judge: Judge, settings: recipe.Judge, seed: int
) -> Scores:
    """Scores of images that a generator makes; the same seed gives the same latent vectors.

    Args:
        generator: trained on classes as `real` has them.
        real: held-out images.
        judge: a classifier trained on real images of these classes.
        settings: with `images`, how many are made.
        seed: of the latent vectors.

    Returns:
        As `score_images`.
    """
    return score_images(draw_images(generator, real.classes, settings.images, seed), real, judge)


def score_images(made: ClassifiedImages, real: ClassifiedImages, judge: Judge) -> Scores:
    """Scores of generated images beside real ones.

    Returns:
        "frechet": distance in the judge's features, 0 or more, less is better; None where a set has no more images than
            the judge has features.
        "judged": share, 0..1: right class where classes were asked for, else recognised with confidence.
        "classes": how many are found.
        "deviation": of a pixel across latent vectors, as a share of the real one; mean over asked classes.
        "score": what the best checkpoint is chosen by, more is better: the negative distance, and where classes were
            asked for that divided by the share of right ones, since a distance does not see exchanged classes.

    Raises:
        TrainingError: the judge does not know a class that was asked for.
    """
    said, known = opinion(judge, made), opinion(judge, real)
    enough = knows_covariance(said.features) and knows_covariance(known.features)
    distance = frechet_distance(said.features, known.features) if enough else None
    asked = made.classes != ANY
    classes = judged_by(judge.classes, real.classes)
    judged = class_accuracy(said, made) if asked else float(recognised(said, classes).mean())
    ratios = deviation_ratios(made, real).values()
    return {
        "frechet": distance,
        "judged": judged,
        "classes": float(classes_found(said, classes)),
        "deviation": sum(ratios) / len(ratios) if ratios else None,
        "score": None if distance is None else -distance / max(judged, 1e-3) if asked else -distance,
    }
