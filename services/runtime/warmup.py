"""Builds the batches of Triton's `model_warmup`: what every instance computes before its model is ready."""

from collections.abc import Iterator
from pathlib import Path
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any

import numpy as np
from tritonclient.utils import deserialize_bytes_tensor

from services.runtime.config import DATATYPE_OF, ConfigError, ModelConfig, named_file
from services.runtime.model import DATATYPES, InferRequest, Tensor

WARMUP_FOLDER = "warmup"
"""Where a model folder keeps the files of `input_data_file`, as in Triton."""


def warmup_batches(config: ModelConfig, folder: Path) -> Iterator[tuple[str, list[InferRequest]]]:
    """Each sample's name with its batch, as often as its `count` asks.

    Raises:
        ConfigError: a sample whose data cannot be had, named.
    """
    for sample in config.message.model_warmup:
        inputs = {name: _tensor(config, folder, name, spec) for name, spec in sample.inputs.items()}
        request = InferRequest(config.name, inputs)
        for _ in range(max(1, sample.count)):
            yield sample.name, [request] * max(1, sample.batch_size)


def _tensor(config: ModelConfig, folder: Path, name: str, spec: Any) -> Tensor:
    """One request's input: a batch of one row when the model has a batch axis."""
    shape = (1, *spec.dims) if config.max_batch_size else tuple(spec.dims)
    datatype = DATATYPE_OF.get(spec.data_type, "")
    if datatype not in DATATYPES or any(length < 0 for length in shape):
        raise ConfigError(f"model '{config.name}': model_warmup input '{name}' needs a data_type and fixed dims")
    try:
        return _fill(spec, folder, shape, datatype)
    except (OSError, ValueError, MemoryError, StructError) as error:
        raise ConfigError(f"model '{config.name}': model_warmup input '{name}': {error}") from None


def _fill(spec: Any, folder: Path, shape: tuple[int, ...], datatype: str) -> Tensor:
    dtype = DATATYPES[datatype]
    if spec.WhichOneof("input_data_type") == "input_data_file":
        data = named_file(folder / WARMUP_FOLDER, spec.input_data_file).read_bytes()
        flat = deserialize_bytes_tensor(data) if datatype == "BYTES" else np.frombuffer(data, dtype)
        return flat.reshape(shape)
    if datatype == "BYTES":
        return np.full(shape, b"", dtype=object)
    if spec.random_data and datatype.startswith("FP"):
        return np.random.default_rng(0).random(shape).astype(dtype)
    if spec.random_data:
        return np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    return np.zeros(shape, dtype)
