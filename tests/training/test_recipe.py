"""Recipes are read strictly; a mistake is one sentence with the field in it."""

import pytest

from training.errors import TrainingError
from training.recipe import load_recipe, recipe_names, recipe_title


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_at_both_sizes(name: str) -> None:
    full, small = load_recipe(name), load_recipe(name, smoke=True)
    assert full.name == small.name == name
    assert full.title == recipe_title(name)
    pixels = small.data.width * small.data.height
    assert small.loop.epochs * small.data.train * pixels <= 64 * 128**2  # what ten seconds are enough for


@pytest.mark.parametrize("name", recipe_names())
def test_every_ablation_changes_fields_that_there_are(name: str) -> None:
    whole = load_recipe(name)
    for part, overrides in whole.ablations.items():
        assert load_recipe(name, overrides=overrides) != whole, part


def test_a_field_is_replaced_by_its_dotted_name_after_the_smoke_table() -> None:
    changes = {"loop.epochs": "7", "data.classes": '["helmet", "head"]', "augment.zoom": "[1, 1]", "title": "mine"}
    recipe = load_recipe("mask-compact", smoke=True, changes=changes)
    assert (recipe.loop.epochs, recipe.data.classes, recipe.title) == (7, ("helmet", "head"), "mine")
    assert recipe.augment.zoom == (1, 1)
    assert recipe.data.train == 16


def test_an_option_of_the_network_keeps_its_type() -> None:
    recipe = load_recipe("mask-compact", changes={"model.options.width": "0.5", "model.options.name": "wide"})
    assert recipe.model.options == {"width": 0.5, "name": "wide"}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("loop.epoch", "3", "recipe mask-compact: there is no field 'loop.epoch'"),
        ("loops.epochs", "3", "recipe mask-compact: there is no field 'loops'"),
        ("loop.epochs", "many", "recipe mask-compact: loop.epochs = 'many': "),
        ("loop.epochs", "0", "recipe mask-compact: loop.epochs = 0: "),
        ("loop.epochs", "", "recipe mask-compact: loop.epochs = '': "),
        ("optimiser.learning_rate", "nan", "recipe mask-compact: optimiser.learning_rate = nan: "),
        ("optimiser.name", "lion", "recipe mask-compact: optimiser.name = 'lion': "),
        ("data.classes", "[]", "recipe mask-compact: data.classes = []: "),
        ("title.x", "1", "'title.x' names no field of a recipe: 'title' is a value"),
    ],
)
def test_a_wrong_change_is_named(field: str, value: str, sentence: str) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe("mask-compact", changes={field: value})
    assert str(caught.value).startswith(sentence)


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="there is no recipe 'mask'; there are .*mask-compact"):
        load_recipe("mask")
