"""A trained judge: what scores use, loaded from its run's folder, trained into it where there is none."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import typer
from accelerate import Accelerator
from accelerate.state import is_initialized
from torch import Tensor

from training import recipe
from training.checkpoint import load_weights
from training.errors import Interrupted, TrainingError
from training.judges.network import AnyJudge, build_judge
from training.judges.training import fit_judge
from training.parts import build_accelerator
from training.recipe import Recipe, load_recipe
from training.run import Run, changed_fields, read_json
from training.summary import read_summary

RUNS = Path("build/runs")
SMOKE = "-smoke"
"""Ends the name of a run of the recipe's smallest size, and here the name of a judge of that size."""

AT_ONCE = 256
"""Images computed at once."""


@dataclass(frozen=True, slots=True)
class TrainedJudge:
    """A classifier that was trained on real images: what it sees and what it says are what scores compare.

    Attributes:
        network: in evaluation mode.
        classes: names in the order of the probabilities.
        accuracy: on held-out real images, 0..1.
        name: of its recipe.
    """

    network: AnyJudge
    classes: tuple[str, ...]
    accuracy: float
    name: str

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Of each class, float32 (n, classes), each row with the sum 1, on the images' device.

        Args:
            images: float32 (n, channels, height, width) in -1..1, of any size; scaled to the judge's.

        Raises:
            TrainingError: the images have another number of channels.
        """
        network = self.network.to(images.device)
        parts = [network(part).softmax(1) for part in torch.split(images.float(), AT_ONCE)]
        return torch.cat(parts) if parts else images.new_zeros(0, len(self.classes))

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """The network's penultimate values, float32 (n, d), on the images' device; arguments as `probabilities`."""
        network = self.network.to(images.device)
        parts = [network.features(part) for part in torch.split(images.float(), AT_ONCE)]
        return torch.cat(parts) if parts else images.new_zeros(0, network.dimensions)


def judge_of(settings: recipe.Judge, accelerator: Accelerator | None = None) -> TrainedJudge:
    """The judge of a recipe, from `build/runs/RECIPE`; where no finished run is there, it is trained first.

    A judge that was trained on data of one's own (`python -m training judge-fruits --data DIR`), or with other settings
    than its recipe has, is taken as it is; of settings a note tells.

    Args:
        settings: `recipe` names a judge's recipe; with "-smoke" behind it, one of the recipe's smallest size.
        accelerator: that of the training which wants the judge, all of whose processes call this.

    Raises:
        TrainingError: there is no such recipe, it is no judge's, or the run's files are broken.
        Interrupted: stopped while it was trained; the next call goes on with it.
    """
    name = settings.recipe.removesuffix(SMOKE)
    wanted = load_recipe(name, smoke=name != settings.recipe)
    if not is_judge(wanted):
        raise TrainingError(f"judge.recipe = '{settings.recipe}': it trains a '{wanted.model.name}', which is no judge")
    folder = RUNS / settings.recipe
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):  # whoever asks draws the same numbers, whether the judge is there or not
        if not (folder / "summary.json").is_file():
            _train(wanted, folder, accelerator or _accelerator(wanted.loop))
        elif changed := changed_fields(folder, wanted):
            field, (before, now) = next(iter(changed.items()))
            typer.echo(
                f"note: the judge in {folder} was trained with {field} = {before!r}, where its recipe now has {now!r}: "
                f"`python -m training {name}` trains it anew",
                err=True,
            )
        return load_judge(folder)


def is_judge(found: Recipe) -> bool:
    """Whether a recipe trains a judge."""
    return found.model.name.startswith("judge")


def load_judge(folder: Path) -> TrainedJudge:
    """The judge of a finished run.

    Raises:
        TrainingError: a file is missing, damaged or of another network.
    """
    found = Recipe.model_validate(read_json(folder / "recipe.json"))
    network = build_judge(found)
    load_weights(network, folder / "best.safetensors")
    accuracy = float(read_summary(folder)["best"]["accuracy"])
    return TrainedJudge(network.eval().requires_grad_(False), found.data.classes, accuracy, found.name)


def _accelerator(loop: recipe.Loop) -> Accelerator:
    """A new one, or one that shares the state of what is being trained: accelerate keeps one for each process."""
    return Accelerator() if is_initialized() else build_accelerator(loop)


def _train(wanted: Recipe, folder: Path, accelerator: Accelerator) -> None:
    """Train into the folder, or go on there."""
    with _alone(folder) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        if (folder / "summary.json").is_file():  # another training wanted the same judge, and was first
            return
        run = Run(wanted, folder, resume=any(folder.glob("checkpoints/step-*")))
        if accelerator.is_main_process:
            typer.echo(f"no judge is in {folder} yet: it is trained first, and kept for all who want it", err=True)
        try:
            fit_judge(run, accelerator)
        except Interrupted:
            raise Interrupted(
                f"stopped while the judge {folder} was trained; the same command goes on with it"
            ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process trains this judge."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
