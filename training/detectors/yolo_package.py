"""ultralytics (AGPL-3.0), tamed: it never looks for a network, never reports, and leaves the user's home alone.

What it does at import and at the start of a run is decided by its environment variables and its settings file, so
`prepare` comes before every import of it. Nothing outside `training` imports it, and no server does.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.errors import TrainingError

LICENCE = "AGPL-3.0"

_ENVIRONMENT = {
    "YOLO_OFFLINE": "true",  # otherwise it asks name servers at import, and may download fonts and weights
    "YOLO_AUTOINSTALL": "false",  # otherwise it calls pip
    "YOLO_VERBOSE": "false",  # its log and its bars; ours are shown instead
    "ULTRALYTICS_SAFE_LOAD": "true",  # its files are pickles: only its own and torch's layers may be in them
    "ULTRALYTICS_API_KEY": "",  # with one, runs are reported and networks uploaded
}
_INTEGRATIONS = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


def prepare(settings: Path | None = None) -> None:
    """Make this process's ultralytics offline and silent. Its settings file goes into a folder of ours.

    Args:
        settings: where; without it a temporary folder. Only the first call of a process decides.
    """
    if "ultralytics" in sys.modules:
        return
    if settings is None:
        settings = Path(tempfile.mkdtemp(prefix="imago-ultralytics-"))
        atexit.register(shutil.rmtree, settings, ignore_errors=True)
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.update(_ENVIRONMENT, YOLO_CONFIG_DIR=str(settings.resolve()))
    kept: Any = import_module("ultralytics.utils").SETTINGS
    kept.update({name: False for name in _INTEGRATIONS if name in kept})


def ultralytics(module: str) -> Any:
    """A module of ultralytics by its name inside the package, imported only after `prepare`."""
    prepare()
    return import_module(f"ultralytics.{module}")


@contextmanager
def own_threads() -> Iterator[None]:
    """Keep torch's number of threads: ultralytics takes one less than there are cores, of two cores only one."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def read_checkpoint(file: Path) -> dict[str, Any]:
    """What an ultralytics file (.pt) holds, read without running any code that it may carry.

    Returns:
        Its dictionary: "model" or "ema" (a network), "epoch" (-1 when finished), "train_args" and more.

    Raises:
        TrainingError: there is no such file, it is damaged, or it holds something else than a network of ultralytics.
    """
    if not file.is_file():
        raise TrainingError(f"there is no file {file}")
    tasks = ultralytics("nn.tasks")
    try:
        held, _ = tasks.torch_safe_load(str(file), safe_only=True)
        network_in(held)
    except Exception as error:  # a damaged file shows itself in as many ways as pickle, zip and torch have
        raise TrainingError(
            f"{file} is no checkpoint of ultralytics, or it is damaged ({type(error).__name__})"
        ) from error
    return dict(held)


def network_in(checkpoint: dict[str, Any]) -> nn.Module:
    """The averaged network of a checkpoint, else its plain one.

    Raises:
        TypeError: it holds neither.
    """
    network = checkpoint.get("ema") or checkpoint.get("model")
    if not isinstance(network, nn.Module):
        raise TypeError("no network")
    return network


def load_fitting(network: nn.Module, weights: dict[str, Tensor], source: Path) -> int:
    """Copy the weights that have the same name and shape, as fine-tuning for other classes needs; their number.

    Raises:
        TrainingError: less than half of the network's weights are there: the file is of another architecture.
    """
    wanted = network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in wanted and wanted[name].shape == value.shape}
    if 2 * len(fitting) < len(wanted):
        raise TrainingError(f"{source} holds another network: {len(fitting)} of {len(wanted)} tensors fit")
    network.load_state_dict({**wanted, **{name: value.float() for name, value in fitting.items()}})
    return len(fitting)
