"""Runs ONNX files: by onnxruntime (CPU, CUDA, TensorRT) or, where the configuration asks for it, by OpenVINO.

A batch is gathered along axis 0, run once, and cut again. It ignores queues and where requests come from.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from services.runtime.backends.placement import Placement, available_cpus, cuda_devices
from services.runtime.config import ConfigError, ModelConfig
from services.runtime.errors import ImagoError, InvalidInput, ModelFailed, Unsupported
from services.runtime.model import InferRequest, ResponseSink, Tensors

Run = Callable[[Tensors], Tensors]
"""One forward pass: all inputs by name to all outputs by name."""

_FIRST_USE = Lock()
"""OpenVINO looks for numpy when it first sees an array; two threads that do so at once wait for each other for ever."""

_PROVIDERS = {"CPU": "CPUExecutionProvider", "GPU": "CUDAExecutionProvider"}


def available_gpus() -> list[int]:
    """Indices of the GPUs that onnxruntime can use: none without the CUDA provider."""
    return cuda_devices() if "CUDAExecutionProvider" in ort.get_available_providers() else []


class OnnxBackend:
    """One session of one ONNX file.

    Raises (constructor):
        ConfigError: the file does not load, or an accelerator or precision is asked for that is not here.
    """

    def __init__(self, config: ModelConfig, model_file: Path, placement: Placement, *, threads: int) -> None:
        self._config = config
        accelerator = _accelerator(config, placement)
        threads = _threads(config, "intra_op_thread_count", threads)
        try:
            if accelerator == "openvino":
                self._run = _open_openvino(config, model_file, threads)
            else:
                self._run = _open_session(config, model_file, placement, threads, accelerator)
        except ConfigError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"model '{config.name}': {model_file.name} does not load: {reason}") from error

    def warmup(self, batch: Sequence[InferRequest]) -> None:
        for outcome in self.infer(batch):
            if isinstance(outcome, ImagoError):
                raise outcome

    def infer(self, batch: Sequence[InferRequest]) -> Sequence[Tensors | ImagoError]:
        if len(batch) == 1:
            return [self._forward(batch[0].inputs)]
        gathered = {name: np.concatenate([request.inputs[name] for request in batch]) for name in batch[0].inputs}
        return self._scatter(self._forward(gathered), batch)

    def stream(self, request: InferRequest, sink: ResponseSink) -> None:
        raise Unsupported(f"model '{self._config.name}' is an ONNX graph and gives one response to a request")

    def abandon(self) -> None:
        """A graph runs to its end."""

    def close(self) -> None:
        del self._run

    def _forward(self, inputs: Tensors) -> Tensors:
        try:
            return self._run(inputs)
        except InvalidArgument as error:
            raise InvalidInput(f"model '{self._config.name}' refuses the inputs: {_first_line(error)}") from None
        except ImagoError:
            raise
        except Exception as error:
            raise ModelFailed(f"model '{self._config.name}' failed: {_first_line(error)}") from error

    def _scatter(self, outputs: Tensors, batch: Sequence[InferRequest]) -> list[Tensors | ImagoError]:
        rows = [len(next(iter(request.inputs.values()))) for request in batch]
        for name, output in outputs.items():
            if output.ndim == 0 or len(output) != sum(rows):
                shape = list(output.shape)
                raise ModelFailed(
                    f"model '{self._config.name}': output '{name}' has shape {shape} for a batch of {sum(rows)}"
                )
        ends = np.cumsum(rows)
        return [
            {name: output[end - count : end] for name, output in outputs.items()}
            for end, count in zip(ends, rows, strict=True)
        ]


def _threads(config: ModelConfig, key: str, default: int) -> int:
    """The number of threads that a parameter asks for; 0 lets the engine choose."""
    text = config.parameter(key) or str(default)
    if not re.fullmatch("[0-9]{1,4}", text):
        raise ConfigError(f"model '{config.name}': parameter {key} is '{text}'; it must be a number from 0 to 9999")
    return int(text)


def _accelerator(config: ModelConfig, placement: Placement) -> str:
    """The one execution accelerator asked for: "openvino", "tensorrt" or ""."""
    accelerators = config.message.optimization.execution_accelerators
    asked = (
        accelerators.gpu_execution_accelerator if placement.kind == "GPU" else accelerators.cpu_execution_accelerator
    )
    names = [accelerator.name for accelerator in asked]
    known = {"GPU": "tensorrt", "CPU": "openvino"}.get(placement.kind)
    if names in ([], [known]):
        return names[0] if names else ""
    raise ConfigError(
        f"model '{config.name}': execution_accelerators {names} on a {placement.kind} instance; known is {known!r}"
    )


def _open_session(config: ModelConfig, model_file: Path, placement: Placement, threads: int, accelerator: str) -> Run:
    if placement.kind not in _PROVIDERS:
        raise ConfigError(f"model '{config.name}': backend onnxruntime does not know KIND_{placement.kind}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = _threads(config, "inter_op_thread_count", 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a spinning pool starves the event loop
    options.log_severity_level = 3
    providers: list[Any] = [
        (_PROVIDERS[placement.kind], {"device_id": placement.device_id} if placement.device_id else {})
    ]
    if accelerator == "tensorrt":
        if "TensorrtExecutionProvider" not in ort.get_available_providers():
            raise ConfigError(f"model '{config.name}': accelerator 'tensorrt' is asked for, but is not installed here")
        providers.insert(0, ("TensorrtExecutionProvider", {"device_id": placement.device_id}))
    session = ort.InferenceSession(str(model_file), options, providers=providers)
    texts = {spec.name for spec in config.inputs if spec.datatype == "BYTES"}
    names = [spec.name for spec in config.outputs]

    def run(inputs: Tensors) -> Tensors:
        feeds = {name: _as_text(name, tensor) if name in texts else tensor for name, tensor in inputs.items()}
        outputs = session.run(names, feeds)
        return {name: _as_bytes(tensor) for name, tensor in zip(names, outputs, strict=True)}

    return run


def _open_openvino(config: ModelConfig, model_file: Path, threads: int) -> Run:
    import openvino as ov  # noqa: PLC0415 - only models that ask for it pay for the import

    with _FIRST_USE:
        ov.Tensor(np.zeros(1, np.float32))
    core = ov.Core()
    precision = _precision(config, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    properties = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    names = [spec.name for spec in config.outputs]
    if not _rows_apart(config):
        return _together(core.compile_model(str(model_file), "CPU", properties).create_infer_request(), names)
    streams = min(threads or available_cpus(), config.max_batch_size)
    properties |= {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
    model = core.compile_model(str(model_file), "CPU", properties)
    return _apart([model.create_infer_request() for _ in range(model.get_property("NUM_STREAMS"))], names)


def _together(request: Any, names: Sequence[str]) -> Run:
    """Batches computed by all threads at once."""

    def run(inputs: Tensors) -> Tensors:
        request.infer(inputs, share_inputs=True)
        return {name: np.array(request.get_tensor(name).data) for name in names}

    return run


def _apart(requests: Sequence[Any], names: Sequence[str]) -> Run:
    """Batches whose rows are shared out among requests, each computed by one thread."""

    def run(inputs: Tensors) -> Tensors:
        parts = _cut(inputs, len(requests))
        busy = requests[: len(parts)]
        with ExitStack() as started:
            for request, part in zip(busy, parts, strict=True):
                request.start_async(part, share_inputs=True)
                started.callback(request.wait)
        return {name: np.concatenate([request.get_tensor(name).data for request in busy]) for name in names}

    return run


def _rows_apart(config: ModelConfig) -> bool:
    """Whether each row of a batch is computed by one thread alone, and so to the same bits in any company.

    Where threads share a row, they cut it in other places in other batches, and sum it in another order there.
    """
    text = config.parameter("imago.rows_apart", "false")
    if text not in ("true", "false"):
        raise ConfigError(f"model '{config.name}': imago.rows_apart is '{text}'; it must be true or false")
    if text == "true" and not config.max_batch_size:
        raise ConfigError(f"model '{config.name}': imago.rows_apart is true, but with max_batch_size 0 it has no rows")
    return text == "true"


def _cut(inputs: Tensors, most: int) -> list[Tensors]:
    """The rows of a batch in as many parts, or fewer, whose sizes differ by one at most."""
    rows = len(next(iter(inputs.values())))
    parts = min(rows, most)
    ends = [rows * part // parts for part in range(parts + 1)]
    return [{name: tensor[start:end] for name, tensor in inputs.items()} for start, end in pairwise(ends)]


def _precision(config: ModelConfig, capabilities: Sequence[str]) -> str:
    """bf16 where this CPU computes it and `imago.precisions` lists it; f32 otherwise."""
    listed = [name.strip() for name in config.parameter("imago.precisions", "f32").split(",")]
    unknown = set(listed) - {"bf16", "f32"}
    if unknown:
        raise ConfigError(
            f"model '{config.name}': imago.precisions lists {sorted(unknown)}; known are 'bf16' and 'f32'"
        )
    return "bf16" if "bf16" in listed and "BF16" in capabilities else "f32"


def _as_text(name: str, tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    try:
        texts = [element.decode() if isinstance(element, bytes) else str(element) for element in tensor.ravel()]
    except UnicodeDecodeError:
        raise InvalidInput(f"input '{name}' has an element that is not UTF-8", field=name) from None
    return np.array(texts, dtype=object).reshape(tensor.shape)


def _as_bytes(tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if tensor.dtype.kind not in "OU":
        return tensor
    return np.array([str(element).encode() for element in tensor.ravel()], dtype=object).reshape(tensor.shape)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
