"""`triton_python_backend_utils`: the names that Triton's Python backend gives to a `model.py`, and their behaviour.

Exists under Triton's name only inside a model's process. How requests and responses travel is `child/__main__.py`'s
matter. Not served: calls of other models (BLS), custom metrics, loading of models, GPU tensors; each says so when used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn

from services.runtime.backends.python.channel import deserialize_bytes as deserialize_bytes_tensor
from services.runtime.backends.python.channel import serialize_bytes as serialize_byte_tensor
from services.runtime.backends.python.child.pb_inference import (
    TRITONSERVER_REQUEST_RELEASE_ALL,
    TRITONSERVER_RESPONSE_COMPLETE_FINAL,
    InferenceRequest,
    InferenceResponse,
    InferenceResponseSender,
    TritonError,
)
from services.runtime.backends.python.child.pb_model_config import ModelConfig
from services.runtime.backends.python.child.pb_tensor import (
    TRITON_STRING_TO_NUMPY,
    Tensor,
    TritonModelException,
    numpy_to_triton_type,
    triton_string_to_numpy,
    triton_to_numpy_type,
)

__all__ = [
    "TRITONSERVER_REQUEST_RELEASE_ALL",
    "TRITONSERVER_RESPONSE_COMPLETE_FINAL",
    "TRITON_STRING_TO_NUMPY",
    "InferenceRequest",
    "InferenceResponse",
    "InferenceResponseSender",
    "ModelConfig",
    "Tensor",
    "TritonError",
    "TritonModelException",
    "deserialize_bytes_tensor",
    "numpy_to_triton_type",
    "serialize_byte_tensor",
    "triton_string_to_numpy",
    "triton_to_numpy_type",
]

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = 2
TRITONSERVER_MEMORY_CPU = 0
TRITONSERVER_MEMORY_GPU = 2

_Config = dict[str, Any]


def get_input_tensor_by_name(inference_request: InferenceRequest, name: str) -> Tensor | None:
    """The request's input of that name; None when it was left out."""
    return _named(inference_request.inputs(), name)


def get_output_tensor_by_name(inference_response: InferenceResponse, name: str) -> Tensor | None:
    """The response's output of that name; None when there is none."""
    return _named(inference_response.output_tensors(), name)


def get_input_config_by_name(model_config: _Config, name: str) -> _Config | None:
    """An input of a configuration (the parsed JSON that `initialize` is given); None when there is none."""
    return _entry(model_config.get("input", []), name)


def get_output_config_by_name(model_config: _Config, name: str) -> _Config | None:
    """An output of a configuration; None when there is none."""
    return _entry(model_config.get("output", []), name)


def using_decoupled_model_transaction_policy(model_config: _Config) -> bool:
    """Whether a configuration lets each request have any number of responses."""
    return bool(model_config.get("model_transaction_policy", {}).get("decoupled", False))


def get_model_dir() -> str:
    """The folder of the version being run."""
    return _process.model_dir


class Logger:
    """Writes to the server's log, under the model's name."""

    class LogLevel(IntEnum):
        """Triton's levels."""

        INFO = 0
        WARNING = 1
        ERROR = 2
        VERBOSE = 3

    INFO = LogLevel.INFO
    WARNING = LogLevel.WARNING
    ERROR = LogLevel.ERROR
    VERBOSE = LogLevel.VERBOSE

    @staticmethod
    def log(message: str, level: int = LogLevel.INFO) -> None:
        _process.log(Logger.LogLevel(level).name, str(message))

    @staticmethod
    def log_info(message: str) -> None:
        _process.log("INFO", str(message))

    @staticmethod
    def log_warn(message: str) -> None:
        _process.log("WARNING", str(message))

    @staticmethod
    def log_error(message: str) -> None:
        _process.log("ERROR", str(message))

    @staticmethod
    def log_verbose(message: str) -> None:
        _process.log("VERBOSE", str(message))


def _named(tensors: list[Tensor], name: str) -> Tensor | None:
    return next((tensor for tensor in tensors if tensor.name() == name), None)


def _entry(tensors: list[_Config], name: str) -> _Config | None:
    return next((entry for entry in tensors if entry["name"] == name), None)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise TritonModelException(f"This runtime does not serve {name} of triton_python_backend_utils.")

    return refuse


@dataclass(slots=True)
class _Process:
    """What of this module depends on the process it runs in."""

    model_dir: str
    log: Callable[[str, str], None]


_process = _Process("", _refusing("Logger outside a model's process"))


def bind(model_dir: str, log: Callable[[str, str], None]) -> None:
    """Tell this module the version's folder and where log lines (level name, text) go."""
    _process.model_dir = model_dir
    _process.log = log


class MetricFamily:
    """Custom metrics, which are not served: making one says so."""

    COUNTER, GAUGE, HISTOGRAM = range(3)

    def __init__(self, *_: Any, **__: Any) -> None:
        _refusing("MetricFamily")()


PreferredMemory = _refusing("PreferredMemory")
load_model = _refusing("load_model")
unload_model = _refusing("unload_model")
is_model_ready = _refusing("is_model_ready")
