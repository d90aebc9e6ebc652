"""Runs an exported graph by each engine that may serve it, onnxruntime and OpenVINO: for proofs and for timings."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]

Run = Callable[[Tensors], list[NDArray[Any]]]
"""One forward pass: all inputs by name to all outputs, in the order of the graph."""


def onnxruntime_run(model: onnx.ModelProto, *, threads: int) -> Run:
    """The graph in onnxruntime, on the CPU; `threads` 0 lets it choose."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda inputs: list(session.run(None, dict(inputs)))


def openvino_run(model: onnx.ModelProto, precision: str, *, threads: int) -> Run:
    """The graph in OpenVINO, on the CPU, at "f32" or "bf16"; `threads` 0 lets it choose."""
    properties = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = ov.Core()
    request = core.compile_model(core.read_model(model.SerializeToString()), "CPU", properties).create_infer_request()
    names = [output.name for output in model.graph.output]

    def run(inputs: Tensors) -> list[NDArray[Any]]:
        request.infer(dict(inputs), share_inputs=True)
        return [np.array(request.get_tensor(name).data) for name in names]

    return run


def cpu_precisions() -> tuple[str, ...]:
    """What OpenVINO computes in on this CPU: "f32", and "bf16" where the CPU has instructions for it."""
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("f32", "bf16") if "BF16" in capabilities else ("f32",)
