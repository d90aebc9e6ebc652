"""What is exported: the features of a run, those of published weights, or a trained feed-forward styliser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.checkpoint import load_weights, read_weights
from training.errors import TrainingError
from training.export.trained import OURS, Trained
from training.features.network import FeatureNetwork
from training.features.reference import reference_images
from training.features.stack import FeatureStack, load_vgg19
from training.judges.network import build_judge
from training.run import read_recipe, read_run_summary
from training.stylisation.adain import Stylizer

ADAIN, FEATURES = "adain", "judge-features"
"""Names of models in recipes."""

CALIBRATED = 128
"""Side of the photographs on which features are brought to one scale."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features that styles or dreams are made of.

    Attributes:
        stack: on the CPU, in evaluation mode, every layer at one scale.
        origin: one sentence: what they were trained on.
        licence: of the weights.
        trained: the run that they are of; None for published weights.
    """

    stack: FeatureStack
    origin: str
    licence: str
    trained: Trained | None = None

    @property
    def summary(self) -> dict[str, Any]:
        return {} if self.trained is None else self.trained.summary


@dataclass(frozen=True, slots=True)
class TrainedStylizer(Trained):
    """A feed-forward styliser of a finished run."""

    @property
    def stylizer(self) -> Stylizer:
        assert isinstance(self.network, Stylizer)
        return self.network


def load_features(folder: Path) -> Features:
    """The features of a run of `judge-features`.

    Raises:
        TrainingError: the folder is no such run, or a file of it is missing or damaged.
    """
    recipe = read_recipe(folder / "recipe.json")
    network = build_judge(recipe)
    if not isinstance(network, FeatureNetwork):
        raise TrainingError(f"{folder} is the run of a '{recipe.model.name}', not of '{FEATURES}'")
    load_weights(network, folder / "best.safetensors")
    stack = _calibrated(network.eval().stack())
    frozen, kinds = recipe.model.options.get("frozen"), len(recipe.data.classes)
    origin = (
        "Random orthogonal filters, which were never trained: textures and colours are theirs to see, things are not."
        if frozen
        else f"Trained to tell {kinds} kinds of things apart that this project draws or finds in bundled photographs."
    )
    return Features(stack, origin, OURS, Trained(recipe, network, read_run_summary(folder)))


def published_features(file: Path, licence: str) -> Features:
    """VGG-19 of torchvision.

    Raises:
        TrainingError: the file is not that network's.
    """
    origin = "VGG-19 as torchvision publishes it, trained on the 1.28 million photographs of ImageNet."
    return Features(_calibrated(load_vgg19(file)), origin, licence)


def load_stylizer(folder: Path) -> TrainedStylizer:
    """The styliser of a run of `adain`; its encoder is in the same file.

    Raises:
        TrainingError: the folder is no such run, or a file of it is missing or damaged.
    """
    recipe = read_recipe(folder / "recipe.json")
    if recipe.model.name != ADAIN:
        raise TrainingError(f"{folder} is the run of a '{recipe.model.name}', not of '{ADAIN}'")
    file = folder / "best.safetensors"
    network = Stylizer(FeatureStack(_plan(file, read_weights(file)), reflected=True))
    load_weights(network, file)
    return TrainedStylizer(recipe, network.eval().requires_grad_(False), read_run_summary(folder))


def description_of(own: str, given: str | None) -> str:
    """One sentence for people: what a person gave, else the model's own.

    Raises:
        TrainingError: it is given and empty.
    """
    if given is not None and not given.strip():
        raise TrainingError("--description is empty: leave it out for the model's own")
    return given or own


@torch.no_grad()
def _calibrated(stack: FeatureStack) -> FeatureStack:
    side = max(CALIBRATED, 4 * stack.multiple)
    stack.normalise(reference_images(side - side % stack.multiple))
    return stack


def _plan(file: Path, tensors: dict[str, Tensor]) -> list[list[int]]:
    """The encoder's channels by stage, as its file says them."""
    stages = tensors.get("encoder.stages")
    if stages is None:
        raise TrainingError(f"{file} is of no styliser: it has no 'encoder.stages'")
    widths = [len(tensors[f"encoder.stack.convolutions.{place}.bias"]) for place in range(int(stages.sum()))]
    plan, first = [], 0
    for count in stages.tolist():
        plan.append(widths[first : first + count])
        first += count
    return plan
