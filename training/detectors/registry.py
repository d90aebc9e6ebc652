"""Finds the network that a recipe names."""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from torch import nn

from training.checkpoint import load_weights
from training.errors import TrainingError
from training.recipe import Model

BUILDERS = {
    "compact": "training.detectors.compact:build_compact",
    "fasterrcnn_resnet50_fpn": "training.detectors.torchvision:build_fasterrcnn_resnet50_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn": "training.detectors.torchvision:build_fasterrcnn_mobilenet",
    "ssd300_vgg16": "training.detectors.torchvision:build_ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large": "training.detectors.torchvision:build_ssdlite320_mobilenet",
}
"""Where the builders are, imported when used: `builder(classes, size, **options) -> nn.Module`, which is a `Detector`."""


def build_detector(model: Model, classes: Sequence[str]) -> nn.Module:
    """A network after `training.detectors.detector.Detector`, with new weights or those of `model.weights`.

    Raises:
        TrainingError: no such network, an option that it does not have, or weights that do not fit it.
    """
    builder = _builder(model.name)
    try:
        inspect.signature(builder).bind(len(classes), model.size, **model.options)
    except TypeError as error:
        raise TrainingError(f"model.options of {model.name}: {error}") from None
    network = builder(len(classes), model.size, **model.options)
    if model.weights:
        load_weights(network, model.weights)
    return network


def _builder(name: str) -> Callable[..., nn.Module]:
    if name not in BUILDERS:
        raise TrainingError(f"model.name: there is no detector '{name}'; there are {', '.join(BUILDERS)}")
    module, function = BUILDERS[name].split(":")
    found: Any = getattr(import_module(module), function)
    return found  # type: ignore[no-any-return]
