"""Measures what translators, stylisers and dreams must show: `python -m tests.acceptance.translation [SECTION ...]`.

Without a section all are measured, in this order.
"""

import sys

from tests.acceptance.figures import Figures, Section, run_sections
from tests.acceptance.generation_training import kill_and_resume, run_smallest
from tests.acceptance.translation_models import animals, maps, maps_back
from tests.acceptance.translation_service import throughput, tiling
from tests.acceptance.translation_speed import speed
from tests.acceptance.translation_styles import dream, feedforward, gatys
from training.recipe import load_recipe, recipe_names
from training.translators.registry import is_translator

OTHERS = ("features-things", "adain")
"""Recipes of styles and dreams, whose networks have no opponent."""


def translator_recipes() -> list[str]:
    """All that train images to become others."""
    return [name for name in recipe_names() if is_translator(load_recipe(name))]


def smoke(figures: Figures) -> None:
    run_smallest(figures, [*translator_recipes(), *OTHERS])


def resume(figures: Figures) -> None:
    kill_and_resume(figures, translator_recipes())


SECTIONS: dict[str, Section] = {
    "smoke": smoke,
    "resume": resume,
    "maps": maps,
    "maps-back": maps_back,
    "animals": animals,
    "gatys": gatys,
    "feedforward": feedforward,
    "dream": dream,
    "tiling": tiling,
    "throughput": throughput,
    "speed": speed,
}
"""`smoke` and `resume` take minutes, since they run every recipe; `maps` needs a finished ablation, `gatys` the run of
the features, and `speed` a checkout of the public reference."""

if __name__ == "__main__":
    sys.exit(run_sections(SECTIONS, sys.argv[1:]))
