"""Turns the Open Inference Protocol's messages into requests of arrays, and arrays into its answers.

It decides what a well-formed message is, in Triton's words. It ignores what the model accepts, transports and time.
"""

from collections.abc import Mapping
from math import prod
from struct import Struct
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2

from services.runtime.config import ModelConfig
from services.runtime.errors import InvalidInput, ModelFailed, Unsupported
from services.runtime.model import DATATYPES, InferRequest, InferResponse, Parameter, Tensor, Tensors

MAX_MESSAGE_BYTES = 2**31 - 1

MAX_RANK = 64
"""Dimensions that numpy can hold. A shape is counted before it is multiplied: a million lengths last minutes."""

DATATYPE_NAMES = {dtype: name for name, dtype in DATATYPES.items()}

_CONTENTS_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where the typed path carries each datatype; the protocol has no field for FP16."""

_LENGTH = Struct("<I")

_INTEGER_PARAMETERS = {"timeout": ("int64_param",), "priority": ("int64_param", "uint64_param")}

_OURS = "triton_"
"""Parameters that begin so speak to the server; the model never sees them."""


def read_request(message: Any, config: ModelConfig, deadline: float) -> InferRequest:
    """The request inside a `ModelInferRequest`. Raw tensors are read-only views of the message's bytes, not copies.

    Args:
        message: the `ModelInferRequest`.
        config: of the model that it names.
        deadline: instant of `time.monotonic()`.

    Raises:
        InvalidInput: bytes, shape and datatype of a tensor contradict each other, or a parameter has a wrong type.
        Unsupported: a tensor lies in shared memory.
    """
    return InferRequest(
        model=config.name,
        inputs=_read_inputs(message, config),
        version=message.model_version,
        outputs=tuple(output.name for output in message.outputs),
        parameters=_read_parameters(message.parameters) if message.parameters else {},
        deadline=deadline,
        id=message.id,
    )


def _read_inputs(message: Any, config: ModelConfig) -> Tensors:
    raws = message.raw_input_contents
    used = 0
    inputs: Tensors = {}
    for tensor in message.inputs:
        name = tensor.name
        if name in inputs:
            raise InvalidInput(f"input '{name}' already exists in request", field=name)
        if "shared_memory_region" in tensor.parameters:
            raise Unsupported(f"input '{name}' lies in shared memory, which this server does not read")
        if tensor.HasField("contents"):
            inputs[name] = _from_contents(tensor, config, also_raw=len(raws) > 0)
        elif used < len(raws):
            inputs[name] = _from_raw(tensor, raws[used], config)
            used += 1
        else:
            raise InvalidInput(
                f"unable to find data for input tensor '{name}' for model '{config.name}' in request.", field=name
            )
    if used < len(raws):
        raise InvalidInput(
            f"raw_input_contents has {len(raws)} entries for {used} inputs of model '{config.name}'",
            field="raw_input_contents",
        )
    return inputs


def _read_parameters(parameters: Any) -> dict[str, Parameter]:
    values: dict[str, Parameter] = {}
    for key, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        expected = _INTEGER_PARAMETERS.get(key)
        if kind is None or (expected and kind not in expected):
            wanted = " or ".join(expected or ("int64_param, bool_param", "string_param"))
            raise InvalidInput(f"invalid value type for '{key}' parameter, expected {wanted}.", field=key)
        if not key.startswith(_OURS):
            values[key] = getattr(parameter, kind)
    if int(values.get("priority", 0)) < 0:
        raise InvalidInput("invalid value for 'priority', expected value >= 0.", field="priority")
    return values


def _from_raw(tensor: Any, raw: bytes, config: ModelConfig) -> Tensor:
    datatype, shape = tensor.datatype, _shape(tensor, config)
    if datatype == "BYTES":
        return _from_bytes_elements(_split_bytes(tensor, raw, config), tensor, config)
    dtype = DATATYPES.get(datatype)
    if dtype is None:
        raise _wrong_datatype(tensor, config)
    expected = prod(shape) * dtype.itemsize
    if expected != len(raw):
        raise _wrong_size(tensor, config, expected, len(raw))
    return np.ndarray(shape, dtype, raw)


def _from_contents(tensor: Any, config: ModelConfig, *, also_raw: bool) -> Tensor:
    name, datatype, shape = tensor.name, tensor.datatype, _shape(tensor, config)
    if also_raw:
        raise InvalidInput(
            "contents field must not be specified when using raw_input_contents "
            f"for '{name}' for model '{config.name}'",
            field=name,
        )
    if datatype == "FP16":
        raise InvalidInput(f"input '{name}': FP16 has no field in contents; send raw_input_contents", field=name)
    wanted = _CONTENTS_FIELDS.get(datatype)
    if wanted is None:
        raise _wrong_datatype(tensor, config)
    if stray := [field.name for field, _ in tensor.contents.ListFields() if field.name != wanted]:
        raise InvalidInput(
            f"unexpected explicit tensor data for input tensor '{name}' for model '{config.name}' "
            f"in '{stray[0]}', expected datatype '{datatype}'",
            field=name,
        )
    values = getattr(tensor.contents, wanted)
    if datatype == "BYTES":
        return _from_bytes_elements(list(values), tensor, config)
    dtype = DATATYPES[datatype]
    if prod(shape) != len(values):
        raise _wrong_size(tensor, config, prod(shape) * dtype.itemsize, len(values) * dtype.itemsize)
    try:
        return np.array(values, dtype).reshape(shape)
    except OverflowError:
        raise InvalidInput(f"input '{name}' has a value that {datatype} cannot hold", field=name) from None


def _from_bytes_elements(elements: list[bytes], tensor: Any, config: ModelConfig) -> Tensor:
    shape = _shape(tensor, config)
    if prod(shape) != len(elements):
        got = len(elements) if len(elements) < prod(shape) else f"at least {len(elements)}"
        raise InvalidInput(
            f"expected {prod(shape)} string elements for inference input '{tensor.name}' "
            f"for model '{config.name}', got {got}",
            field=tensor.name,
        )
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array.reshape(shape)


def _split_bytes(tensor: Any, raw: bytes, config: ModelConfig) -> list[bytes]:
    """Elements of a raw BYTES tensor: each a little-endian 32-bit length and so many bytes.

    Ends one element beyond those that the shape announces: millions of surplus ones would hold up everybody else.
    """
    elements: list[bytes] = []
    at, end, announced = 0, len(raw), prod(tensor.shape)
    while at < end and len(elements) <= announced:
        left = end - at - _LENGTH.size
        length = _LENGTH.unpack_from(raw, at)[0] if left >= 0 else 0
        if left < length:
            what, needed, there = ("string length indicator", 4, end - at) if left < 0 else ("string", length, left)
            raise InvalidInput(
                f"incomplete {what} for inference input '{tensor.name}' for model '{config.name}', "
                f"expecting {needed} bytes but only {there} bytes available.",
                field=tensor.name,
            )
        at += _LENGTH.size
        elements.append(raw[at : at + length])
        at += length
    return elements


def _shape(tensor: Any, config: ModelConfig) -> tuple[int, ...]:
    if len(tensor.shape) > MAX_RANK:
        raise InvalidInput(
            f"input '{tensor.name}' for model '{config.name}' has {len(tensor.shape)} dimensions; "
            f"a tensor has at most {MAX_RANK}",
            field=tensor.name,
        )
    shape = tuple(tensor.shape)
    if shape and min(shape) < 0:
        raise InvalidInput(
            f"All input dimensions should be specified for input '{tensor.name}' for model '{config.name}', "
            f"got [{','.join(map(str, shape))}]",
            field=tensor.name,
        )
    if 0 in shape and prod(filter(None, shape)) > MAX_MESSAGE_BYTES:  # it has no bytes, so no size betrays it
        raise InvalidInput(
            f"input '{tensor.name}' for model '{config.name}' has shape [{','.join(map(str, shape))}], "
            "whose lengths above 0 alone are more than a message can hold",
            field=tensor.name,
        )
    return shape


def _wrong_datatype(tensor: Any, config: ModelConfig) -> InvalidInput:
    expected = next((spec.datatype for spec in config.inputs if spec.name == tensor.name), "")
    if not expected:
        return InvalidInput(f"unexpected inference input '{tensor.name}' for model '{config.name}'", field=tensor.name)
    return InvalidInput(
        f"inference input '{tensor.name}' data-type is '{tensor.datatype}', "
        f"but model '{config.name}' expects '{expected}'",
        field=tensor.name,
    )


def _wrong_size(tensor: Any, config: ModelConfig, expected: int, got: int) -> InvalidInput:
    return InvalidInput(
        f"input byte size mismatch for input '{tensor.name}' for model '{config.name}'. Expected {expected}, got {got}",
        field=tensor.name,
    )


def write_response(message: Any, response: InferResponse, classes: Mapping[str, Tensor]) -> Any:
    """The `ModelInferResponse` to a `ModelInferRequest`; `classes` replace the outputs of their names.

    Raises:
        ModelFailed: an output of a dtype that the protocol does not have.
        InvalidInput: an answer that no gRPC message can hold.
    """
    answer = service_pb2.ModelInferResponse(
        model_name=message.model_name, model_version=response.timing.version, id=message.id
    )
    outputs = {**response.outputs, **classes} if classes else response.outputs
    size = sum(array.nbytes for array in outputs.values())
    if size > MAX_MESSAGE_BYTES:
        raise InvalidInput(f"Response has byte size {size} which exceeds gRPC's byte size limit {MAX_MESSAGE_BYTES}.")
    for name, array in outputs.items():
        datatype = DATATYPE_NAMES.get(array.dtype)
        if datatype is None:
            raise ModelFailed(f"output '{name}' has dtype {array.dtype}, which the protocol does not have")
        answer.outputs.add(name=name, datatype=datatype, shape=array.shape)
        answer.raw_output_contents.append(_join_bytes(array) if datatype == "BYTES" else array.tobytes())
    for key, value in response.parameters.items():
        write_parameter(answer.parameters[key], value)
    return answer


def write_parameter(parameter: Any, value: Parameter) -> None:
    """Set an `InferParameter` to a value of any of the protocol's types."""
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        parameter.int64_param = value
    elif isinstance(value, float):
        parameter.double_param = value
    else:
        parameter.string_param = value


def _join_bytes(array: Tensor) -> bytes:
    parts: list[bytes] = []
    for element in array.flat:
        data = element if isinstance(element, bytes) else str(element).encode()
        parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)
