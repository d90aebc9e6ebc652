"""Arrays that stay from run to run: one .npz for a set, written whole or not at all."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError


def keep(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name; two processes may write the same file.

    Raises:
        TrainingError: it cannot be written.
    """
    part = file.with_name(f".{file.stem}.{os.getpid()}.npz")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TrainingError(f"{file}: {error.strerror}") from None


def kept(file: Path, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """The arrays of some names; None where there is no such file.

    Raises:
        TrainingError: the file is damaged or lacks a name.
    """
    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            return {name: found[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise TrainingError(f"{file} is damaged ({error}): remove it, and it is rendered again") from None
