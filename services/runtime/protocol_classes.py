"""The protocol's classification extension: an output asked for as its best `n` classes, each "score:index:label"."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from services.runtime.config import ModelConfig
from services.runtime.errors import InvalidInput, Unsupported
from services.runtime.model import Tensor, Tensors
from services.runtime.protocol_tensors import DATATYPE_NAMES

MAX_ELEMENTS = 1_000_000
"""Scores per row that are worth sorting; Triton's limit."""


def read_classification(message: Any) -> dict[str, int]:
    """How many classes a `ModelInferRequest` wants of each output that it wants as classes.

    Raises:
        InvalidInput: `classification` is not a positive integer.
        Unsupported: an output is wanted in shared memory.
    """
    counts = {}
    for output in message.outputs:
        parameters = output.parameters
        if "shared_memory_region" in parameters:
            raise Unsupported(f"output '{output.name}' is wanted in shared memory, which this server does not write")
        if "classification" not in parameters:
            continue
        parameter = parameters["classification"]
        if parameter.WhichOneof("parameter_choice") != "int64_param":
            raise InvalidInput(
                "invalid value type for 'classification' parameter, expected int64_param", field=output.name
            )
        if parameter.int64_param <= 0:
            raise InvalidInput(
                f"invalid value {parameter.int64_param} for 'classification' parameter, expected > 0",
                field=output.name,
            )
        counts[output.name] = parameter.int64_param
    return counts


def classify(outputs: Tensors, counts: Mapping[str, int], config: ModelConfig) -> Tensors:
    """The best classes of each output named in `counts`, best first.

    Returns:
        BYTES tensors of shape [rows, n], or [n] for a model without a batch axis; n is at most the number of scores.

    Raises:
        InvalidInput: the output has no numbers to sort, or too many.
    """
    batched = config.max_batch_size > 0
    return {
        name: _best_classes(outputs[name], count, config.labels.get(name, ()), batched=batched)
        for name, count in counts.items()
        if name in outputs
    }


def _best_classes(scores: Tensor, count: int, labels: tuple[str, ...], *, batched: bool) -> Tensor:
    if scores.dtype.kind not in "iuf" or scores.dtype == np.float16:
        datatype = DATATYPE_NAMES.get(scores.dtype, scores.dtype)
        raise InvalidInput(f"class result not available for output due to unsupported type '{datatype}'")
    rows = scores.reshape(len(scores), -1) if batched else scores.reshape(1, -1)
    if rows.shape[1] > MAX_ELEMENTS:
        raise InvalidInput("classification output tensor too large")
    best = [[_class(row[i], int(i), labels) for i in _descending(row)[:count]] for row in rows]
    answer = np.array(best, np.object_)
    return answer if batched else answer[0]


def _descending(row: Tensor) -> Tensor:
    """Indices of a row from its highest value to its lowest; of equal values the first one comes first."""
    return len(row) - 1 - np.argsort(row[::-1], kind="stable")[::-1]


def _class(score: Any, index: int, labels: tuple[str, ...]) -> bytes:
    text = f"{score:f}" if isinstance(score, np.floating) else str(score)
    return f"{text}:{index}:{labels[index]}".encode() if index < len(labels) else f"{text}:{index}".encode()
