"""Starter translators through the service, on scenes that nobody trained with or chose by: maps, cows and horses.

The sheets that they leave are to be looked at.
"""

import sys
from pathlib import Path

from tests.acceptance.figures import Figures
from tests.acceptance.served import OUT, RUNS, Pixels, Served, finished_run, service
from training.data.sheet import save_png
from training.data.translated import PairedImages, PairedSplits, UnpairedSplits
from training.judges.judge import judge_of
from training.metrics.translation.images import class_agreement, translate_pixels
from training.metrics.translation.scores import Scores, domain_scores, pair_scores
from training.recipe import Data, Recipe, load_recipe
from training.render.maps import PALETTE
from training.run import Run
from training.translation import translated_images_of
from training.translators.sheets import domain_sheet, pair_sheet
from training.translators.trained import load_translator

HELD_OUT = 200
"""Pairs, or images of both domains together."""
FARTHER = 500_000
"""Seeds beyond those of the recipe: neither trained with nor used to choose a checkpoint."""
MAPS, BACK, ANIMALS = "pix2pix-maps", "pix2pix-maps-back", "cyclegan-cow2horse"
THERE_AND_BACK = ("cow_to_horse", "horse_to_cow")


def maps(figures: Figures) -> None:
    """Aerial pictures to maps, beside the same network taught by L1 alone."""
    pairs = held_out_pairs(MAPS)
    with service("aerial_to_map") as one:
        served = Served(one.stub, "aerial_to_map")
        scores = pair_scores(served, pairs, PALETTE)
        _draw(pair_sheet(served, pairs).pixels, OUT / "aerial_to_map.png")
    about = f"aerial_to_map, {len(pairs)} held-out pairs"
    figures.at_most(f"{about}: L1", known(scores, "l1"), 0.050)
    figures.at_least(f"{about}: PSNR, dB", known(scores, "psnr"), 23)
    truth = class_agreement(pairs.targets, pairs.targets, PALETTE)
    figures.at_least(f"{about}: pixel class accuracy", known(scores, "accuracy"), 0.64, ground_truth=truth)
    folder = RUNS / f"{MAPS}-ablations" / "l1-only-seed0"
    run = finished_run(folder, f"python -m training ablate {MAPS} --only l1-only --seeds 1")
    (blurred,) = load_translator(run).generators.values()
    plain = pair_scores(blurred, pairs, PALETTE)
    share = known(scores, "sharpness") / known(plain, "sharpness")
    figures.at_least(f"{about}: fine detail as a share of the L1-only network's", share, 1.0, l1_only=plain)


def maps_back(figures: Figures) -> None:
    """Maps to aerial pictures: what a map does not tell is made up, so that errors say less than the sheet."""
    pairs = held_out_pairs(BACK)
    with service("map_to_aerial", "aerial_to_map") as both:
        served = Served(both.stub, "map_to_aerial")
        scores = pair_scores(served, pairs, None)
        made = translate_pixels(served, pairs.inputs)
        mapped = translate_pixels(Served(both.stub, "aerial_to_map"), made)
        _draw(pair_sheet(served, pairs).pixels, OUT / "map_to_aerial.png")
    about = f"map_to_aerial, {len(pairs)} held-out pairs"
    for name in ("l1", "psnr", "sharpness"):
        figures.measured(f"{about}: {name}", scores[name])
    again = class_agreement(mapped, pairs.inputs, PALETTE)
    figures.measured(f"{about}: pixel class accuracy of the map that aerial_to_map makes of the answer", again)


def animals(figures: Figures) -> None:
    """Cows to horses and back, judged by a classifier of coats that was trained on real ones."""
    recipe = load_recipe(ANIMALS)
    splits = held_out(recipe)
    assert isinstance(splits, UnpairedSplits)
    assert recipe.judge is not None
    judge = judge_of(recipe.judge)
    with service(*THERE_AND_BACK) as both:
        served = {name: Served(both.stub, name) for name in THERE_AND_BACK}
        scores = domain_scores(served, splits, judge)
        _draw(domain_sheet(served, splits).pixels, OUT / "cow2horse.png")
    figures.at_least("cow2horse: the judge on real held-out images", known(scores, "real"), 0.95)
    for name in THERE_AND_BACK:
        figures.at_least(f"{name}: judged to be of the other kind", known(scores, f"judged/{name}"), 0.75)
    figures.at_most("cow2horse: L1 of what comes back", known(scores, "cycle"), 0.10)
    change = {name: scores[name] for name in ("inside", "outside")}
    outside = known(scores, "background")
    figures.at_most("cow2horse: change of the background as a share of the animal's", outside, 0.5, **change)


def held_out_pairs(name: str) -> PairedImages:
    """Pairs of a recipe, in its direction."""
    splits = held_out(load_recipe(name))
    assert isinstance(splits, PairedSplits)
    return splits.validation


def held_out(recipe: Recipe) -> PairedSplits | UnpairedSplits:
    """Scenes of a recipe's kind that its run never saw; what is to train with is not wanted here."""
    seed = recipe.data.seed + FARTHER
    data: Data = recipe.data.model_copy(update={"seed": seed, "train": 2, "validation": HELD_OUT})
    return translated_images_of(Run(recipe.model_copy(update={"data": data}), Path()))


def known(scores: Scores, name: str) -> float:
    """A score that must be there. Raises RuntimeError where it is not."""
    value = scores[name]
    if value is None:
        raise RuntimeError(f"there is no score '{name}'")
    return value


def _draw(pixels: Pixels, file: Path) -> None:
    save_png(file, pixels)
    sys.stderr.write(f"what was made: {file}\n")
