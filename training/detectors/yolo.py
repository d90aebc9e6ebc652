"""Trains a YOLO with ultralytics, into the same run folder as every other detector.

The loop, the losses, the assignment of objects and the augmentation are ultralytics'; the data, the scores, the record
and the weights that are kept are ours. A run is resumed after its last whole epoch.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import typer
from PIL import Image
from torch import Tensor

from training.checkpoint import save_weights
from training.data.annotations import AnnotatedImage
from training.data.faults import Split
from training.data.yolo import write_yolo
from training.datasets import Images, images_of
from training.detectors.registry import build_detector
from training.detectors.yolo_arguments import ultralytics_arguments
from training.detectors.yolo_network import YoloRaw
from training.detectors.yolo_package import load_fitting, network_in, own_threads, prepare, read_checkpoint, ultralytics
from training.detectors.yolo_watch import Watch
from training.errors import TrainingError
from training.recipe import Recipe
from training.run import Run, prepare_folder
from training.summary import log_line, write_summary

FOLDER = "ultralytics"
_ORIENTATION = 0x0112  # EXIF


def train_yolo(run: Run) -> None:
    """Train the YOLO of a recipe into the run's folder.

    Raises:
        Interrupted: stopped by Ctrl-C or SIGTERM.
        TrainingError: the data, the recipe or the checkpoint does not allow it, or a loss is not finite.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError("a YOLO is trained in one process: start it without torchrun or accelerate launch")
    prepare(run.checkpoints / FOLDER)
    last = run.checkpoints / FOLDER / "weights" / "last.pt"
    epochs_done = _begin(run, last)
    images = images_of(run)
    _check_images(images.train)
    watch = Watch(run, images, epochs_done)
    trainer = _trainer(run, images, watch, last)
    watch.follow(trainer)
    _keep_best(run, trainer, watch.best_epoch)
    facts = {"images": images.counts(), "parameters": sum(p.numel() for p in trainer.ema.ema.parameters())}
    typer.echo(log_line(write_summary(run, watch.outcome(facts))))


def _begin(run: Run, last: Path) -> int:
    """Make the folder ready; the number of epochs that are done."""
    if not run.resume:
        if last.exists() and not run.summary.exists():
            raise TrainingError(f"{run.folder} holds an unfinished run: go on with --resume, or remove the folder")
        prepare_folder(run)
        return 0
    epochs = int(read_checkpoint(last)["epoch"]) + 1
    prepare_folder(run)
    if epochs >= run.recipe.loop.epochs:
        raise TrainingError(f"{run.folder} already has {epochs} epochs: raise loop.epochs to go on")
    return epochs


def _check_images(images: Sequence[AnnotatedImage]) -> None:
    for image in images:
        if _orientation(image.file) != 1:
            raise TrainingError(
                f"{image.file} is turned by its EXIF orientation, which ultralytics follows and annotations do not: "
                "store its pixels upright"
            )


def _orientation(file: Path) -> int:
    """Of EXIF; 1: upright.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    exif = Image.Exif()
    try:
        with Image.open(file) as header:
            exif.load(header.info.get("exif", b""))
            header.verify()
    except (OSError, SyntaxError, ValueError) as error:
        raise TrainingError(f"{file} is missing or damaged: {error}") from None
    return int(exif.get(_ORIENTATION, 1))


def _trainer(run: Run, images: Images, watch: Watch, last: Path) -> Any:
    from training.detectors.yolo_trainer import YoloTraining  # noqa: PLC0415 - imports ultralytics

    recipe = run.recipe
    arguments = ultralytics_arguments(recipe, len(images.train)) | {
        "model": f"{recipe.model.name}.yaml",
        "data": str(_write_data(run, images).resolve()),
        "project": str(run.checkpoints.resolve()),
        "name": FOLDER,
        "exist_ok": True,
    }
    if run.resume:
        arguments |= {"model": str(last), "resume": str(last)}
    _check_arguments(arguments)
    weights = None if run.resume else _first_weights(recipe)
    with own_threads():
        return YoloTraining(arguments, watch.evaluate, weights)


def _check_arguments(arguments: dict[str, Any]) -> None:
    try:
        ultralytics("cfg").get_cfg(overrides=dict(arguments))
    except (ValueError, TypeError, SyntaxError) as error:
        raise TrainingError(f"ultralytics refuses the recipe: {str(error).strip().splitlines()[0]}") from None


def _write_data(run: Run, images: Images) -> Path:
    """Both splits in YOLO's layout; ultralytics insists on the second one, though we evaluate."""
    held_out: dict[Path, Split] = {image.file: "validation" for image in images.validation}
    both = [*images.train, *images.validation]
    return write_yolo(run.checkpoints / "data", both, run.recipe.data.classes, splits=held_out)


def _first_weights(recipe: Recipe) -> Mapping[str, Tensor] | None:
    """Those of `model.weights` where they fit, new ones elsewhere; None: all new, from the recipe's seed."""
    if not recipe.model.weights:
        return None
    torch.manual_seed(recipe.loop.seed)
    file = Path(recipe.model.weights)
    pickled = file.suffix == ".pt"  # ultralytics' own form
    model = recipe.model.model_copy(update={"weights": ""}) if pickled else recipe.model
    network: Any = build_detector(model, recipe.data.classes).network
    if pickled:
        load_fitting(network, network_in(read_checkpoint(file)).state_dict(), file)
    return dict(network.state_dict())


def _keep_best(run: Run, trainer: Any, epoch: int) -> None:
    """The best epoch's averaged weights as safetensors; ultralytics has rounded them to float16."""
    network = trainer.ema.ema.cpu()
    network.load_state_dict(network_in(read_checkpoint(trainer.best)).state_dict())
    save_weights(YoloRaw(network, run.recipe.model.size), run.best, {"recipe": run.recipe.name, "epoch": str(epoch)})
