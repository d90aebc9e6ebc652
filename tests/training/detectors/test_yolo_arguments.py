"""A recipe reaches ultralytics whole, or is refused by the field's name."""

import pytest

from training.detectors.yolo_arguments import ultralytics_arguments
from training.errors import TrainingError
from training.recipe import Recipe, load_recipe, recipe_names

IMAGES = 1200


def changed(**changes: str) -> Recipe:
    return load_recipe("mask-yolo", changes={field.replace("__", "."): value for field, value in changes.items()})


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("mask-yolo")])
@pytest.mark.parametrize("smoke", [False, True])
def test_every_recipe_of_a_yolo_has_its_counterpart(name: str, smoke: bool) -> None:
    recipe = load_recipe(name, smoke=smoke)
    arguments = ultralytics_arguments(recipe, recipe.data.train)
    assert arguments["imgsz"] == recipe.model.size
    assert (arguments["pretrained"], arguments["amp"], arguments["plots"]) == (False, False, False)


def test_fields_become_arguments_by_name() -> None:
    recipe = changed(loop__seed="7", optimiser__momentum="0.8", augment__zoom="[0.6, 1.2]", augment__hue="0.2")
    arguments = ultralytics_arguments(recipe, IMAGES)
    expected = {
        "epochs": recipe.loop.epochs,
        "batch": recipe.loop.batch,
        "nbs": recipe.loop.batch,
        "seed": 7,
        "optimizer": "AdamW",
        "lr0": recipe.optimiser.learning_rate,
        "weight_decay": recipe.optimiser.weight_decay,
        "momentum": 0.8,
        "warmup_momentum": 0.8,
        "cos_lr": True,
        "lrf": 0.0,
        "scale": (0.6, 1.2),
        "hsv_h": 0.2,
        "mosaic": 1.0,
        "nms": None,
    }
    assert {name: arguments[name] for name in expected} == expected
    assert arguments["warmup_epochs"] * IMAGES / recipe.loop.batch == recipe.optimiser.warmup


def test_what_no_field_stands_for_is_an_option() -> None:
    literal = ultralytics_arguments(load_recipe("mask-yolov5-literal"), 683)
    assert (literal["nbs"], literal["warmup_bias_lr"], literal["lrf"]) == (64, 0.1, 0.01)
    assert ultralytics_arguments(load_recipe("mask-yolo26n"), IMAGES)["nms"] is False


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("loop__ema", "0.9", r"loop\.ema: ultralytics always trains a YOLO with 0\.9999, got 0\.9"),
        ("loop__clip_norm", "0", r"loop\.clip_norm: ultralytics always .* 10\.0, got 0"),
        ("loop__evaluate_every", "2", r"loop\.evaluate_every: .* got 2"),
        ("loop__steps", "5", r"loop\.steps: .* got 5"),
        ("loop__precision", "fp16", r"loop\.precision: .* downloads"),
        ("loop__precision", "bf16", r"loop\.precision: ultralytics has bf16 on a GPU only"),
        ("optimiser__name", "rmsprop", r"optimiser\.name: .* not rmsprop"),
        ("optimiser__warmup", "5000", r"optimiser\.warmup: 5000 steps are more than"),
        ("augment__contrast", "0.2", r"augment\.contrast: .* got 0\.2"),
        ("model__options__training__epochs", "3", r"model\.options\.training\.epochs: must be one of box, "),
    ],
)
def test_what_has_no_counterpart_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, sentence: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError, match=sentence):
        ultralytics_arguments(changed(**{field: value}), IMAGES)
