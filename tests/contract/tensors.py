"""Inputs of the contract tests' models, as Triton's client wants them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.utils import np_to_triton_dtype

from services.runtime.model import Tensor

SEQUENCE: Tensor = np.arange(16, dtype=np.int32)
ONES: Tensor = np.ones(16, np.int32)


def tensor(name: str, values: Any, dtype: Any = None) -> InferInput:
    array = np.asarray(values, dtype)
    return InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)).set_data_from_numpy(array)


def add_sub_inputs(rows: int = 1) -> list[InferInput]:
    return [tensor("INPUT0", np.stack([SEQUENCE] * rows)), tensor("INPUT1", np.stack([ONES] * rows))]


def words(*rows: Sequence[str | bytes]) -> InferInput:
    encoded = [[word.encode() if isinstance(word, str) else word for word in row] for row in rows]
    return tensor("INPUT0", encoded, np.object_)
