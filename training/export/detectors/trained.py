"""Detectors that are exported or compared: a finished run's, or a recipe's before its training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.checkpoint import load_weights
from training.detectors.registry import build_detector
from training.detectors.torchvision import FasterRCNN
from training.detectors.yolo_network import YoloRaw
from training.detectors.yolo_package import LICENCE as AGPL
from training.export.detectors.engines import Pixels
from training.export.detectors.matching import Found
from training.export.detectors.parity import OwnDetections
from training.export.trained import OURS, Trained
from training.recipe import Recipe, load_recipe
from training.run import read_recipe, read_run_summary, without_starts


@dataclass(frozen=True, slots=True)
class TrainedDetector(Trained):
    """A detector, after `training.detectors.detector.Detector`; its scores are 0..1."""

    @property
    def batched(self) -> bool:
        """A Faster R-CNN has another number of regions for each image."""
        return not isinstance(self.network, FasterRCNN)

    @property
    def licence(self) -> str:
        """Weights trained by ultralytics are AGPL-3.0, as their makers see it; the others are ours."""
        return AGPL if isinstance(self.network, YoloRaw) else OURS


def load_run(folder: Path) -> TrainedDetector:
    """The best network of a run.

    Raises:
        TrainingError: the folder is no run, or a file of it is missing or damaged.
    """
    recipe = read_recipe(folder / "recipe.json")
    detector = _build(recipe)
    load_weights(detector, folder / "best.safetensors")
    return TrainedDetector(recipe, detector, read_run_summary(folder))


def untrained(name: str, *, smoke: bool = False) -> TrainedDetector:
    """A recipe's network as it is before its first step: its speed hardly depends on its weights."""
    recipe = load_recipe(name, smoke=smoke)
    torch.manual_seed(recipe.loop.seed)
    return TrainedDetector(recipe, _build(recipe), {})


def own_detections(detector: nn.Module) -> OwnDetections:
    """What the trainer reports: ultralytics' own predictor for a YOLO, the network's evaluation mode otherwise."""

    def report(images: Sequence[Pixels], threshold: float) -> list[Found]:
        if isinstance(detector, YoloRaw):
            return [_found(result) for result in detector.trainer_detections(images, threshold=threshold)]
        device = next(detector.parameters()).device
        with torch.inference_mode():
            tensors = [torch.from_numpy(image).to(device).permute(2, 0, 1).float() / 255 for image in images]
            results = [detector([tensor])[0] for tensor in tensors]
        named = [{name: value.cpu().numpy() for name, value in result.items()} for result in results]
        return [_found(result).objects(threshold) for result in named]

    return report


def _build(recipe: Recipe) -> nn.Module:
    # Weights to start from do not matter for a speed either.
    return build_detector(without_starts(recipe).model, recipe.data.classes).eval()


def _found(result: dict[str, NDArray[Any]]) -> Found:
    return Found(
        np.asarray(result["boxes"], np.float32).reshape(-1, 4),
        np.asarray(result["scores"], np.float32),
        np.asarray(result["labels"], np.int64),
    )
