"""Finds the network that a recipe names."""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from training.checkpoint import initialise
from training.errors import TrainingError
from training.recipe import Model

_TORCHVISION = "training.detectors.torchvision"
_YOLO = "training.detectors.yolo_network"

BUILDERS = {
    "compact": ("training.detectors.compact", "build_compact"),
    "fasterrcnn_resnet50_fpn": (_TORCHVISION, "build_fasterrcnn_resnet50_fpn"),
    "fasterrcnn_mobilenet_v3_large_320_fpn": (_TORCHVISION, "build_fasterrcnn_mobilenet"),
    "ssd300_vgg16": (_TORCHVISION, "build_ssd300_vgg16"),
    "ssdlite320_mobilenet_v3_large": (_TORCHVISION, "build_ssdlite320_mobilenet"),
    "yolov5n": (_YOLO, "build_yolov5n"),
    "yolov5s": (_YOLO, "build_yolov5s"),
    "yolo11n": (_YOLO, "build_yolo11n"),
    "yolo26n": (_YOLO, "build_yolo26n"),
}
"""Module and name of each builder `(classes, size, **options) -> nn.Module`, a `Detector`; imported when used."""


def build_detector(model: Model, classes: Sequence[str]) -> nn.Module:
    """A network after `training.detectors.detector.Detector`.

    Args:
        model: its name, size and options; `weights` names a file of a similar network to start from.
        classes: labels; the network's numbers 0.. are their places.

    Returns:
        In training mode, on the CPU.

    Raises:
        TrainingError: no such network, an option that it does not have, or weights of another network.
    """
    builder = _builder(model.name)
    _check(builder, model)
    network = builder(len(classes), model.size, **model.options)
    if model.weights:
        initialise(network, Path(model.weights), prefixes=("", "network."))
    return network


def _builder(name: str) -> Callable[..., nn.Module]:
    if name not in BUILDERS:
        raise TrainingError(f"model.name: there is no detector '{name}'; there are {', '.join(BUILDERS)}")
    module, function = BUILDERS[name]
    builder: Callable[..., nn.Module] = getattr(import_module(module), function)
    return builder


def _check(builder: Callable[..., Any], model: Model) -> None:
    try:
        inspect.signature(builder).bind(1, model.size, **model.options)
    except TypeError as error:
        raise TrainingError(f"model.options of {model.name}: {error}") from None
