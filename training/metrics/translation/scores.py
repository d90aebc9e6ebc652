"""The scores of a translator that are cheap enough to be taken again and again while it is trained."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import nn

from training.data.classified import ClassifiedImages
from training.data.translated import PairedImages, UnpairedSplits
from training.errors import TrainingError
from training.metrics.judged import Judge, class_accuracy, opinion
from training.metrics.translation.change import Change, change_by_mask
from training.metrics.translation.images import (
    class_agreement,
    mean_difference,
    sharpness,
    signal_to_noise,
    translate_pixels,
)

Scores = dict[str, float | None]

BLUR_COST = 0.01
"""What an image half or twice as sharp as it should be costs, in units of L1."""
FAIR_BACKGROUND = 0.5
"""Change outside of silhouettes, as a share of that inside, up to which nothing is taken off the score."""


def pair_scores(generator: nn.Module, validation: PairedImages, palette: NDArray[np.uint8] | None) -> Scores:
    """Scores of what a translator makes of held-out inputs, beside their targets.

    Args:
        generator: as `translate_pixels` takes it.
        validation: at least one pair.
        palette: uint8 (k, 3), the colours that targets are drawn with; None: they are no drawing.

    Returns:
        "l1": mean distance of values, 0..1, less is better.
        "psnr": in dB, more is better.
        "accuracy": share of pixels with the target's nearest colour of the palette, 0..1; None without a palette.
        "sharpness": fine detail as a share of the targets'; 1 is best.
        "score": what the best checkpoint is chosen by, more is better: the accuracy; without a palette the negative L1,
            less 0.01 for each factor of two that images are blurred or noisy by, as L1 alone prefers blur.
    """
    made = translate_pixels(generator, validation.inputs)
    difference = mean_difference(made, validation.targets)
    fine = sharpness(made, validation.targets)
    agreement = None if palette is None else class_agreement(made, validation.targets, palette)
    blurred = abs(float(np.log2(max(fine, 1e-3))))
    return {
        "l1": difference,
        "psnr": signal_to_noise(made, validation.targets),
        "accuracy": agreement,
        "sharpness": fine,
        "score": -difference - BLUR_COST * blurred if agreement is None else agreement,
    }


def domain_scores(generators: Mapping[str, nn.Module], validation: UnpairedSplits, judge: Judge | None) -> Scores:
    """Scores of translations between two held-out domains.

    Args:
        generators: by direction, e.g. "cow_to_horse" and "horse_to_cow", or one of them alone.
        validation: its held-out images are used, and their silhouettes where there are any.
        judge: knows both domains; None: nothing is judged, and nothing chosen by.

    Returns:
        "judged/cow_to_horse" and so on: share of translated images, 0..1, that the judge finds to be of the domain that
            they should be of; "judged": the least of them.
        "real": the same share of real held-out images, the least of both domains: what "judged" can reach.
        "cycle": L1, 0..1, between an image and what comes back from the other domain, mean of both; None where there is
            one direction only.
        "change": L1 between images and their translations, mean of the directions.
        "inside", "outside", "background": change where silhouettes are and beyond them, and the second as a share of
            the first, the greatest of all directions; None without silhouettes.
        "score": what the best checkpoint is chosen by, more is better: "judged" less "cycle", less what "background" is
            above 0.5; None without a judge.

    Raises:
        TrainingError: a direction is none between these domains, or the judge does not know them.
    """
    names = {f"{a}_to_{b}": number for number, (a, b) in enumerate((validation.domains, validation.domains[::-1]))}
    unknown = sorted(set(generators) - set(names))
    if unknown or not generators:
        raise TrainingError(f"directions {', '.join(unknown) or 'none'}: there are {' and '.join(names)}")
    real = {name: validation.validation[names[name]] for name in generators}
    made = {name: translate_pixels(generators[name], images.pixels) for name, images in real.items()}
    scores: Scores = {**_judged(made, names, validation, judge), "cycle": _cycle(generators, real, made)}
    scores["change"] = float(np.mean([mean_difference(made[name], real[name].pixels) for name in made]))
    scores |= _changes(made, names, validation)
    scores["score"] = _score(scores)
    return scores


def _judged(
    made: Mapping[str, NDArray[np.uint8]], names: Mapping[str, int], validation: UnpairedSplits, judge: Judge | None
) -> Scores:
    if judge is None:
        return {"judged": None, "real": None}
    shares: dict[str, float] = {}
    for name, pixels in made.items():
        images = validation.validation[names[name]]
        wanted = np.full(len(images), 1 - names[name], np.int64)
        shares[f"judged/{name}"] = _share(judge, ClassifiedImages(pixels, wanted, validation.domains, images.names))
    real = min(_share(judge, images) for images in validation.validation)
    return {**shares, "judged": min(shares.values()), "real": real}


def _share(judge: Judge, images: ClassifiedImages) -> float:
    return class_accuracy(opinion(judge, images), images)


def _cycle(
    generators: Mapping[str, nn.Module],
    real: Mapping[str, ClassifiedImages],
    made: Mapping[str, NDArray[np.uint8]],
) -> float | None:
    """Through rounded pixels, as a caller would send them.

    So nothing counts that a network hides in tiny values (Chu et al., CycleGAN, a Master of Steganography, 2017).
    """
    if len(generators) < 2:
        return None
    there, back = generators
    ways = ((there, back), (back, there))
    return float(np.mean([mean_difference(translate_pixels(generators[b], made[a]), real[a].pixels) for a, b in ways]))


def _changes(made: Mapping[str, NDArray[np.uint8]], names: Mapping[str, int], validation: UnpairedSplits) -> Scores:
    if validation.masks is None:
        return {"inside": None, "outside": None, "background": None}
    changes: list[Change] = []
    for name, pixels in made.items():
        number = names[name]
        changes.append(change_by_mask(validation.validation[number].pixels, pixels, validation.masks[number]))
    return {
        "inside": float(np.mean([change.inside for change in changes])),
        "outside": float(np.mean([change.outside for change in changes])),
        "background": max(change.ratio for change in changes),
    }


def _score(scores: Scores) -> float | None:
    judged, cycle, background = (scores[name] for name in ("judged", "cycle", "background"))
    if judged is None:
        return None
    return judged - (cycle or 0.0) - max(0.0, (background or 0.0) - FAIR_BACKGROUND)
