"""Reads an ONNX file's own inputs and outputs, to complete a configuration that omits them or refuse one that lies."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from tritonclient.grpc import model_config_pb2

from services.runtime.config import ConfigError

DEFAULT_MAX_BATCH_SIZE = 4
"""What Triton fills in for a model without a configuration whose every tensor has a free first axis."""

_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
    "tensor(bfloat16)": "TYPE_BF16",
}

Tensor = tuple[str, str, list[int]]
"""Name, config.pbtxt's data type, and dims with -1 for a free length."""


def complete_and_check(message: model_config_pb2.ModelConfig, model_file: Path) -> None:
    """Fill in what the message leaves out, in place, and compare the rest with the file.

    Raises:
        ConfigError: the file does not load, or names, types or dims differ from the configuration's.
    """
    if message.model_transaction_policy.decoupled:
        raise ConfigError(
            f"model '{message.name}': decoupled is set, but an ONNX graph gives one response to a request"
        )
    inputs, outputs = _read(message.name, model_file)
    if not message.input and not message.output and message.max_batch_size == 0:
        _choose_batching(message, [*inputs, *outputs])
    for kind, configured, found in (("input", message.input, inputs), ("output", message.output, outputs)):
        if not configured:
            for name, data_type, dims in found:
                own_dims = dims[1:] if message.max_batch_size else dims
                configured.add(name=name, data_type=data_type, dims=own_dims)
        _compare(message, kind, configured, found)


def _read(model: str, model_file: Path) -> tuple[list[Tensor], list[Tensor]]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # only the signature is wanted
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"model '{model}': {model_file.name} does not load: {reason}") from error
    return _tensors(session.get_inputs()), _tensors(session.get_outputs())


def _tensors(arguments: Iterable[Any]) -> list[Tensor]:
    return [
        (
            argument.name,
            _TYPES.get(argument.type, "TYPE_INVALID"),
            [length if isinstance(length, int) else -1 for length in argument.shape],
        )
        for argument in arguments
    ]


def _choose_batching(message: model_config_pb2.ModelConfig, tensors: Sequence[Tensor]) -> None:
    if all(dims and dims[0] == -1 for _, _, dims in tensors):
        message.max_batch_size = DEFAULT_MAX_BATCH_SIZE
        if not message.HasField("dynamic_batching"):
            message.dynamic_batching.SetInParent()


def _compare(message: model_config_pb2.ModelConfig, kind: str, configured: Iterable[Any], found: list[Tensor]) -> None:
    by_name = {name: (data_type, dims) for name, data_type, dims in found}
    for tensor in configured:
        where = f"model '{message.name}': {kind} '{tensor.name}'"
        if tensor.name not in by_name:
            raise ConfigError(f"{where} is not in the ONNX file, which has {sorted(by_name)}")
        data_type, dims = by_name[tensor.name]
        if model_config_pb2.DataType.Name(tensor.data_type) != data_type:
            asked = model_config_pb2.DataType.Name(tensor.data_type)
            raise ConfigError(f"{where} is {asked} in config.pbtxt but {data_type} in the ONNX file")
        asked_dims = [-1, *tensor.dims] if message.max_batch_size else list(tensor.dims)
        if message.max_batch_size and dims and dims[0] != -1:
            raise ConfigError(f"{where} has a first axis of fixed length {dims[0]}, so max_batch_size must be 0")
        if dims and not _compatible(asked_dims, dims):
            raise ConfigError(f"{where} has dims {asked_dims} in config.pbtxt but {dims} in the ONNX file")
    missing = sorted(set(by_name) - {tensor.name for tensor in configured})
    if kind == "input" and missing:
        raise ConfigError(f"model '{message.name}': inputs {missing} of the ONNX file are not in config.pbtxt")


def _compatible(asked: Sequence[int], found: Sequence[int]) -> bool:
    return len(asked) == len(found) and all(-1 in (a, f) or a == f for a, f in zip(asked, found, strict=True))
