"""Things are functions of their seeds; what a network is checked with is no part of what it learns from."""

import numpy as np
import pytest

from training.data.photographs import PHOTOGRAPHS, photograph
from training.data.rendered import VALIDATION_OFFSET
from training.errors import TrainingError
from training.recipe import load_recipe
from training.render.patterns import PATTERNS, render_pattern
from training.render.things import THINGS, crop, render_thing


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_pattern_can_be_seen_and_is_its_seeds_own(kind: str) -> None:
    image = render_pattern(3, 40, 32, kind)
    assert image.shape == (32, 40, 3)
    assert image.std(axis=(0, 1)).max() > 8
    assert (image == render_pattern(3, 40, 32, kind)).all()
    assert (image != render_pattern(4, 40, 32, kind)).any()


def test_every_thing_of_the_recipe_can_be_rendered() -> None:
    classes = load_recipe("features-things").data.classes
    assert set(classes) <= set(THINGS)
    for kind in ("kiwi", "cow", *(f"photograph_{name}" for name in PHOTOGRAPHS)):
        assert render_thing(1, 16, 24, kind).shape == (24, 16, 3)


def test_validation_sees_another_part_of_a_photograph() -> None:
    columns = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (80, 200, 3))
    for seed in range(20):
        assert crop(columns, seed, 16, 16).max() < 140
        assert crop(columns, VALIDATION_OFFSET + seed, 16, 16).min() >= 140
    assert photograph("coffee").shape[2] == 3


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(TrainingError, match="there is no thing 'mixed'; there are stripes, checks"):
        render_thing(1, 16, 16, "mixed")
    with pytest.raises(TrainingError, match="there is no pattern 'plaid'; there are stripes, checks"):
        render_pattern(1, 16, 16, "plaid")
