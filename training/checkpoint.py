"""Weights and checkpoints on disk: safetensors for networks, never a pickle that could run code.

A checkpoint is a folder `step-00000120` with one safetensors file for each network and `state.pt`, everything else that
a run needs to go on. The folder gets its name only when it is complete, and the one before goes only after that: a
crash at any moment leaves a whole checkpoint.
"""

import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from training.errors import TrainingError

State = dict[str, Any]
"""Numbers, texts, tensors, and lists and dictionaries of them."""


def save_weights(network: nn.Module, file: Path, about: Mapping[str, str] | None = None) -> None:
    """Write a network's parameters and buffers, all or nothing.

    Args:
        network: on any device.
        file: replaced when it exists.
        about: texts for the file's header.
    """
    # clones: tensors that share memory are refused by the format
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in network.state_dict().items()}
    partial = file.with_name(f".{file.name}.partial")
    # not `save_file`: its files can be read by their owner alone
    partial.write_bytes(save(tensors, metadata={"format": "pt", **(about or {})}))
    _flush(partial)
    os.replace(partial, file)


def read_weights(file: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or from a PyTorch file that holds nothing but tensors.

    Raises:
        TrainingError: the file is missing, damaged, or holds something else.
    """
    if not file.is_file():
        raise TrainingError(f"there is no file of weights {file}")
    try:
        tensors = load_file(file) if file.suffix == ".safetensors" else _load(file)
    except SafetensorError as error:
        raise TrainingError(f"{file} is no whole safetensors file: {error}") from None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise TrainingError(f"{file} holds no weights: it must be a dictionary of tensors")
    return tensors


def load_weights(network: nn.Module, file: Path) -> None:
    """Give a network the weights that `save_weights` wrote; every tensor must have its place.

    Raises:
        TrainingError: the file cannot be read or is of another network; the sentence names the first difference.
    """
    tensors, own = read_weights(file), network.state_dict()
    for name in [*own, *tensors]:
        if name not in tensors or name not in own or tensors[name].shape != own[name].shape:
            raise TrainingError(f"{file} is of another network: {_difference(name, own, tensors)}")
    network.load_state_dict(tensors)


def initialise(network: nn.Module, file: Path, prefixes: tuple[str, ...] = ("",)) -> list[str]:
    """Start from the weights of a similar network: what fits by name and shape is taken.

    Args:
        network: changed in place.
        file: of a network with other classes, or of its inner part.
        prefixes: what may stand before the file's names in this network; the one that fits most is used.

    Returns:
        Names of the network's tensors that keep their new values, e.g. those of the class head.

    Raises:
        TrainingError: the file cannot be read, or not even half of the network's tensors are in it.
    """
    tensors, own = read_weights(file), network.state_dict()
    readings = [{prefix + name: tensor for name, tensor in tensors.items()} for prefix in prefixes]
    fitting = max(
        ({n: t for n, t in reading.items() if n in own and t.shape == own[n].shape} for reading in readings), key=len
    )
    if 2 * len(fitting) < len(own):
        raise TrainingError(f"{file} is of another network: it has {len(fitting)} of the {len(own)} tensors")
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


class Checkpoints:
    """The checkpoints of one run: one at a time, the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> Path | None:
        """The folder of the last complete checkpoint."""
        return max(self._folder.glob("step-*"), default=None)

    def save(self, step: int, networks: Mapping[str, nn.Module], state: State) -> None:
        """Write a checkpoint and remove the older ones."""
        partial, folder = self._folder / ".partial", self._folder / f"step-{step:08d}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, network in networks.items():
            save_weights(network, partial / f"{name}.safetensors")
        torch.save(state, partial / "state.pt")
        _flush(partial / "state.pt")
        older = [path for path in self._folder.glob("step-*") if path != folder]
        shutil.rmtree(folder, ignore_errors=True)  # the same step again: saved at an epoch's end and when interrupted
        os.rename(partial, folder)
        for path in older:
            shutil.rmtree(path)

    def load(self, networks: Mapping[str, nn.Module]) -> State:
        """Give the networks their weights and return the rest.

        Raises:
            TrainingError: there is no checkpoint, or a file of it is missing, damaged or of another network.
        """
        folder = self.newest()
        if folder is None:
            raise TrainingError(f"there is nothing to resume: no checkpoint in {self._folder}")
        for name, network in networks.items():
            load_weights(network, folder / f"{name}.safetensors")
        state = _load(folder / "state.pt")
        if not isinstance(state, dict):
            raise TrainingError(f"{folder / 'state.pt'} is not the state of a run")
        return state


def _load(file: Path) -> Any:
    if not file.is_file():
        raise TrainingError(f"the file {file} is missing")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, BadZipFile, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise TrainingError(f"{file} is damaged, or no PyTorch file of plain tensors: {reason}") from None


def _difference(name: str, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    if name not in theirs:
        return f"'{name}' is not in it"
    if name not in own:
        return f"it has '{name}', which the network has not"
    return f"'{name}' is {list(theirs[name].shape)} there and {list(own[name].shape)} here"


def _flush(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())
