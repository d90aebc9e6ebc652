"""Reads Triton's `config.pbtxt` and says, before anything is loaded, what this runtime cannot honour.

The format is Triton's own `ModelConfig` protobuf, taken from `tritonclient`: there is no second format. It ignores
where tensors come from and how they are computed.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import Message
from tritonclient.grpc import model_config_pb2

from services.runtime.errors import ModelFailed, StartupError

CONFIG_FILE = "config.pbtxt"
MODEL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_KEYS = """task description preprocess latent translation style styles optimisation dream threshold exclusive_labels
precisions rows_apart licence"""
IMAGO_PARAMETERS = frozenset(f"imago.{key}" for key in _KEYS.split())
"""The `parameters` that a typed front or a backend reads; CONTRIBUTING.md explains each. Triton ignores them."""

_UNSUPPORTED_FIELDS = {
    "sequence_batching": "stateful sequences",
    "ensemble_scheduling": "ensembles",
    "response_cache": "the response cache",
    "batch_input": "ragged batch inputs",
    "batch_output": "ragged batch outputs",
    "model_repository_agents": "repository agents",
}

_HINTS = (
    "optimization.graph",
    "optimization.priority",
    "optimization.cuda",
    "optimization.eager_batching",
    "optimization.gather_kernel_buffer_threshold",
    "metric_tags",
    "model_metrics",
    "cc_model_filenames",
    "model_operations",
)
"""What Triton's own backends and metrics make use of. It changes no answer, so a repository that has it is served."""

DATATYPE_OF = {
    number: name.removeprefix("TYPE_").replace("STRING", "BYTES")
    for name, number in model_config_pb2.DataType.items()
    if name not in ("TYPE_INVALID", "TYPE_BF16")
}


class ConfigError(StartupError):
    """A model folder that cannot be loaded. The sentence names the model, the field and the value."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output. `shape` has -1 for a variable length and includes the batch axis when the model has one."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False
    label_filename: str = ""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model's configuration: Triton's message, checked, with the views that the runtime and typed fronts use."""

    message: model_config_pb2.ModelConfig
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    labels: Mapping[str, tuple[str, ...]]
    """Labels of each output that has a `label_filename`, by output name."""

    @property
    def name(self) -> str:
        return str(self.message.name)

    @property
    def max_batch_size(self) -> int:
        """Most rows of one batch; 0 when tensors have no batch axis."""
        return int(self.message.max_batch_size)

    @property
    def backend(self) -> str:
        return str(self.message.backend)

    @property
    def decoupled(self) -> bool:
        return bool(self.message.model_transaction_policy.decoupled)

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Fields that are set and that this runtime makes no use of, by their dotted names."""
        return tuple(hint for hint in _HINTS if _is_set(self.message, hint))

    def parameter(self, key: str, default: str = "") -> str:
        """The string value of `parameters[key]`, or `default`."""
        return str(self.message.parameters[key].string_value) if key in self.message.parameters else default


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    """Parse a model folder's `config.pbtxt`; a folder without one gives an empty message, as in Triton.

    Raises:
        ConfigError: unreadable text, an unknown field, or a name that is not the folder's.
    """
    message = model_config_pb2.ModelConfig()
    path = folder / CONFIG_FILE
    if not MODEL_NAME.fullmatch(folder.name):
        raise ConfigError(f"model folder '{folder.name}': a model name has 1 to 64 letters, digits, '_', '.' or '-'")
    if path.is_file():
        try:
            text_format.Parse(path.read_text(encoding="utf-8"), message)
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise ConfigError(f"model '{folder.name}': {CONFIG_FILE} does not parse: {error}") from None
        for complaint in _nameless_enums(message):
            raise ConfigError(f"model '{folder.name}': {complaint}")
    elif os.path.lexists(path):
        raise ConfigError(f"model '{folder.name}': {CONFIG_FILE} is not a file, or a link to nothing")
    if message.name not in ("", folder.name):
        raise ConfigError(f"model '{folder.name}': {CONFIG_FILE} says name '{message.name}'; it must be the folder's")
    message.name = folder.name
    return message


def finish_config(message: model_config_pb2.ModelConfig, folder: Path | None) -> ModelConfig:
    """Check a complete message and read the label files it names. `folder` is None for a remote model.

    Raises:
        ConfigError: something that Triton or this runtime refuses, named.
    """
    for complaint in _complaints(message):
        raise ConfigError(f"model '{message.name}': {complaint}")
    inputs = tuple(_specs(message, message.input))
    outputs = tuple(_specs(message, message.output))
    labels = {o.name: _labels(folder, message.name, o) for o in outputs if folder and o.label_filename}
    return ModelConfig(message=message, inputs=inputs, outputs=outputs, labels=labels)


def preprocess_of(config: ModelConfig) -> dict[str, Any]:
    """The model's `imago.preprocess`; empty where it has none. Raises ModelFailed as `object_parameter` does."""
    return object_parameter(config, "imago.preprocess")


def object_parameter(config: ModelConfig, key: str) -> dict[str, Any]:
    """A parameter of a model that is a JSON object; empty where it has none.

    Raises:
        ModelFailed: it is not a JSON object.
    """
    text = config.parameter(key, "{}")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ModelFailed(f"model '{config.name}': {key} is '{text}'; it must be a JSON object")
    return value


def threshold_of(config: ModelConfig) -> float:
    """The model's `imago.threshold`: the least score that counts, where the caller names none; 0 where it has none.

    Raises:
        ModelFailed: it is not a number.
    """
    text = config.parameter("imago.threshold", "0")
    try:
        return float(text)
    except ValueError:
        raise ModelFailed(f"model '{config.name}': imago.threshold is '{text}'; it must be a number") from None


def named_file(folder: Path, name: str) -> Path:
    """The file in `folder` that a configuration calls `name`.

    The name must not lead out. What stands there may: a link is the decision of whoever fills the repository, and
    Kubernetes makes volumes of links.

    Raises:
        ValueError: it leads out, or cannot be a name.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\0" in name:
        raise ValueError(f"'{name}' leaves the folder '{folder.name}'")
    return folder / parts


def _nameless_enums(message: Message) -> Iterator[str]:
    """Numbers where an enum's name belongs, which protobuf accepts although no name has them."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                yield from _nameless_enums(item)
            elif field.enum_type and item not in field.enum_type.values_by_number:
                yield f"{field.name} is {item}; known are {', '.join(field.enum_type.values_by_name)}"


def _specs(message: model_config_pb2.ModelConfig, tensors: Iterable[Any]) -> Iterator[TensorSpec]:
    batch_axis = (-1,) if message.max_batch_size > 0 else ()
    for tensor in tensors:
        yield TensorSpec(
            name=tensor.name,
            datatype=DATATYPE_OF[tensor.data_type],
            shape=(*batch_axis, *tensor.dims),
            optional=bool(getattr(tensor, "optional", False)),
            label_filename=getattr(tensor, "label_filename", ""),
        )


def _labels(folder: Path, model: str, output: TensorSpec) -> tuple[str, ...]:
    try:
        return tuple(named_file(folder, output.label_filename).read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"model '{model}': output '{output.name}' names label_filename '{output.label_filename}': {why}"
        ) from None


def _complaints(message: model_config_pb2.ModelConfig) -> Iterator[str]:
    if message.max_batch_size < 0:
        yield f"max_batch_size is {message.max_batch_size}; it must be 0 or more"
    for field, what in _UNSUPPORTED_FIELDS.items():
        present = message.HasField(field) if _is_single(message, field) else len(getattr(message, field)) > 0
        if present and (field != "response_cache" or message.response_cache.enable):
            yield f"{field} asks for {what}, which this runtime does not serve"
    for key in message.parameters:
        if key.startswith("imago.") and key not in IMAGO_PARAMETERS:
            yield f"parameters has unknown key '{key}'; known: {', '.join(sorted(IMAGO_PARAMETERS))}"
    for kind, tensors in (("input", message.input), ("output", message.output)):
        if not tensors:
            yield f"{kind} is empty"
        yield from _tensor_complaints(kind, tensors)
    if message.HasField("dynamic_batching"):
        yield from _batching_complaints(message)


def _is_set(message: Message, path: str) -> bool:
    field, _, rest = path.partition(".")
    return any(not rest or _is_set(value, rest) for present, value in message.ListFields() if present.name == field)


def _is_single(message: model_config_pb2.ModelConfig, field: str) -> bool:
    return bool(message.DESCRIPTOR.fields_by_name[field].has_presence)


def _tensor_complaints(kind: str, tensors: Iterable[Any]) -> Iterator[str]:
    seen = set()
    for tensor in tensors:
        if not tensor.name or tensor.name in seen:
            yield f"{kind} name '{tensor.name}' is empty or used twice"
        seen.add(tensor.name)
        if tensor.data_type not in DATATYPE_OF:
            name = model_config_pb2.DataType.Name(tensor.data_type)
            yield f"{kind} '{tensor.name}' has data_type {name}, which this runtime does not hold"
        if any(length < -1 or length == 0 for length in tensor.dims):
            yield f"{kind} '{tensor.name}' has dims {list(tensor.dims)}; each must be positive or -1"
        if tensor.HasField("reshape"):
            yield f"{kind} '{tensor.name}' asks for reshape, which this runtime does not do"
        for flag in ("is_shape_tensor", "allow_ragged_batch", "is_non_linear_format_io"):
            if getattr(tensor, flag, False):
                yield f"{kind} '{tensor.name}' sets {flag}, which this runtime does not support"


def _batching_complaints(message: model_config_pb2.ModelConfig) -> Iterator[str]:
    batching = message.dynamic_batching
    if message.max_batch_size == 0:
        yield "dynamic_batching needs max_batch_size of at least 1, found 0"
    for size in batching.preferred_batch_size:
        if not 0 < size <= message.max_batch_size:
            yield f"preferred_batch_size {size} is outside 1..{message.max_batch_size} (max_batch_size)"
    if batching.priority_levels or batching.priority_queue_policy:
        yield "dynamic_batching.priority_levels asks for priorities, which this runtime does not serve"
    if batching.preserve_ordering:
        yield "dynamic_batching.preserve_ordering is not supported by this runtime"
    policy = batching.default_queue_policy
    if policy.timeout_action == model_config_pb2.ModelQueuePolicy.DELAY and policy.default_timeout_microseconds:
        yield "default_queue_policy.timeout_action DELAY is not supported by this runtime; use REJECT"
