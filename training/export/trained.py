"""What is exported or compared: a finished run, or a recipe's network before its training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from training.checkpoint import load_weights
from training.detectors.registry import build_detector
from training.detectors.torchvision import FasterRCNN
from training.detectors.yolo_network import YoloRaw
from training.detectors.yolo_package import LICENCE as AGPL
from training.errors import TrainingError
from training.export.engines import Pixels
from training.export.matching import Found
from training.export.parity import OwnDetections
from training.recipe import Recipe, load_recipe
from training.run import read_json

OURS = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with what is known of it.

    Attributes:
        recipe: as it was run.
        detector: after `training.detectors.detector.Detector`, on the CPU, in evaluation mode.
        summary: of the run; empty for an untrained network.
    """

    recipe: Recipe
    detector: nn.Module
    summary: dict[str, Any]

    @property
    def batched(self) -> bool:
        """A Faster R-CNN has another number of regions for each image."""
        return not isinstance(self.detector, FasterRCNN)

    @property
    def licence(self) -> str:
        """Weights trained by ultralytics are AGPL-3.0, as their makers see it; the others are ours."""
        return AGPL if isinstance(self.detector, YoloRaw) else OURS

    @property
    def scores(self) -> dict[str, float | None]:
        """Of the epoch whose weights these are, by name: "mAP50", "mAP50-95", "AP50/<label>", each 0..1."""
        return {name: value for name, value in self.summary.get("best", {}).items() if name != "epoch"}

    @property
    def learned_from_folder(self) -> bool:
        """Whether the data came from outside rather than from a renderer."""
        source = self.recipe.data.source
        return bool(self.summary.get("data", source) != source)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.detector.parameters())


def load_run(folder: Path) -> Trained:
    """The best network of a run.

    Raises:
        TrainingError: the folder is no run, or a file of it is missing or damaged.
    """
    recipe = read_recipe(folder / "recipe.json")
    detector = _build(recipe)
    load_weights(detector, folder / "best.safetensors")
    summary = folder / "summary.json"
    return Trained(recipe, detector, read_json(summary) if summary.exists() else {})


def untrained(name: str, *, smoke: bool = False) -> Trained:
    """A recipe's network as it is before its first step: its speed hardly depends on its weights."""
    recipe = load_recipe(name, smoke=smoke)
    torch.manual_seed(recipe.loop.seed)
    return Trained(recipe, _build(recipe), {})


def read_recipe(file: Path) -> Recipe:
    """A recipe that a run wrote down.

    Raises:
        TrainingError: the file is missing, damaged or no recipe.
    """
    try:
        return Recipe(**read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


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
    # Weights to start from are not needed: they are trained over, or do not matter for a speed.
    return build_detector(recipe.model.model_copy(update={"weights": ""}), recipe.data.classes).eval()


def _found(result: dict[str, NDArray[Any]]) -> Found:
    return Found(
        np.asarray(result["boxes"], np.float32).reshape(-1, 4),
        np.asarray(result["scores"], np.float32),
        np.asarray(result["labels"], np.int64),
    )
