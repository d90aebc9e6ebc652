"""A recipe in ultralytics' words. What has no counterpart there is refused by name: nothing is silently ignored."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from training.errors import TrainingError
from training.recipe import Augment, Loop, Optimiser, Recipe

OPTIMISERS = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}

FIXED = {"ema": 0.9999, "clip_norm": 10.0, "evaluate_every": 1, "steps": 0}
"""What ultralytics always does, so that recipes say it: weights averaged, gradients clipped, each epoch evaluated and
over all images."""

OPTIONS = frozenset(
    (
        *("box", "cls", "cls_pw", "dfl", "lrf", "nbs", "freeze", "warmup_bias_lr", "warmup_momentum"),
        *("close_mosaic", "cutmix", "degrees", "flipud", "mixup", "multi_scale", "perspective", "shear"),
    )
)
"""Arguments of ultralytics that `model.options.training` may set: those that no field of a recipe stands for."""


def ultralytics_arguments(recipe: Recipe, images: int) -> dict[str, Any]:
    """What ultralytics is called with, but for the data and the folder.

    The schedule is by epoch there, as is usual; the warm-up is by step. A step is one batch, unless
    `model.options.training.nbs` asks for gradients of several.

    Args:
        recipe: of a YOLO.
        images: how many are trained on.

    Raises:
        TrainingError: a field that ultralytics has no counterpart for, or an option that it has not.
    """
    steps = math.ceil(images / recipe.loop.batch)
    arguments = {
        "task": "detect",
        "mode": "train",
        "imgsz": recipe.model.size,
        "device": "0" if torch.cuda.is_available() else "cpu",
        "pretrained": False,
        "plots": False,
        "verbose": False,
        "nms": False if recipe.model.options.get("end_to_end") else None,
        **_loop(recipe.loop),
        **_optimiser(recipe.optimiser, recipe.loop.epochs, steps),
        **_augment(recipe.augment),
        "close_mosaic": 0,
        "nbs": recipe.loop.batch,
    }
    return arguments | _options(recipe.model.options.get("training", {}))


def _loop(loop: Loop) -> dict[str, Any]:
    for field, value in FIXED.items():
        if getattr(loop, field) != value:
            raise TrainingError(
                f"loop.{field}: ultralytics always trains a YOLO with {value}, got {getattr(loop, field)}"
            )
    if loop.precision == "fp16":
        raise TrainingError("loop.precision: ultralytics tries fp16 out on weights that it downloads; use bf16 or no")
    if loop.precision == "bf16" and not torch.cuda.is_available():
        raise TrainingError("loop.precision: ultralytics has bf16 on a GPU only; use no")
    return {
        "epochs": loop.epochs,
        "patience": 0,  # a run has the epochs that its recipe names
        "batch": loop.batch,
        "seed": loop.seed,
        "amp": "bf16" if loop.precision == "bf16" else False,
        "workers": loop.workers,
    }


def _optimiser(optimiser: Optimiser, epochs: int, steps: int) -> dict[str, Any]:
    if optimiser.name not in OPTIMISERS:
        raise TrainingError(f"optimiser.name: a YOLO is trained with {', '.join(OPTIMISERS)}, not {optimiser.name}")
    if optimiser.warmup > (epochs - 1) * steps:
        raise TrainingError(
            f"optimiser.warmup: {optimiser.warmup} steps are more than all epochs but the last have: "
            f"{epochs - 1} of {steps}"
        )
    return {
        "optimizer": OPTIMISERS[optimiser.name],
        "lr0": optimiser.learning_rate,
        "lrf": 1.0 if optimiser.schedule == "constant" else 0.0,
        "cos_lr": optimiser.schedule == "cosine",
        "momentum": optimiser.momentum,
        "weight_decay": optimiser.weight_decay,
        "warmup_epochs": optimiser.warmup / steps,
        "warmup_momentum": optimiser.momentum,
        "warmup_bias_lr": 0.0,
    }


def _augment(augment: Augment) -> dict[str, Any]:
    if augment.contrast:
        raise TrainingError(f"augment.contrast: ultralytics does not change contrast; write 0, got {augment.contrast}")
    return {
        "fliplr": augment.flip,
        "scale": augment.zoom,
        "translate": augment.shift,
        "hsv_h": augment.hue,
        "hsv_s": augment.saturation,
        "hsv_v": augment.brightness,
        "mosaic": augment.mosaic,
    }


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise TrainingError(f"model.options.training.{unknown[0]}: must be one of {', '.join(sorted(OPTIONS))}")
    return dict(options)
