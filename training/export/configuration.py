"""An object detector's `config.pbtxt`: Triton's own ModelConfig, with the `imago.*` parameters of our typed fronts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from training.errors import TrainingError
from training.export.graph import BOXES, INPUT, SCORES, candidates_of, is_batched

LABELS_FILE = "labels.txt"
LARGEST_BATCH = 32
WARMED_BATCHES = (1, 8)
"""OpenVINO prepares for each size of batch that it meets; the first callers shall not wait for the usual ones."""


@dataclass(frozen=True, slots=True)
class Interface:
    """What callers of a model must know.

    Attributes:
        name: the model's, which is also its folder's.
        labels: of the classes, in the order of the columns of SCORES.
        threshold: least score that counts when the caller names none, 0..1.
        precisions: "f32", "bf16": at which the graph was compared with the network.
        licence: of the weights.
    """

    name: str
    labels: Sequence[str]
    threshold: float
    precisions: Sequence[str]
    licence: str


def config_text(interface: Interface, model: onnx.ModelProto) -> str:
    """The text of `config.pbtxt`.

    Raises:
        TrainingError: the graph has another number of classes than there are labels, or a label is no line of text.
    """
    candidates, classes = candidates_of(model)
    if classes != len(interface.labels):
        raise TrainingError(
            f"model '{interface.name}': {LABELS_FILE} would have {len(interface.labels)} labels, "
            f"but the graph's {SCORES} has {classes} columns"
        )
    for label in interface.labels:
        if label.splitlines() != [label] or label != label.strip():
            raise TrainingError(f"model '{interface.name}': the label {label!r} is no line of text")
    side = int(model.graph.input[0].type.tensor_type.shape.dim[-2].dim_value)
    message = model_config_pb2.ModelConfig(name=interface.name, backend="onnxruntime")
    types = model_config_pb2.DataType
    message.input.add(name=INPUT, data_type=types.TYPE_UINT8, dims=[side, side, 3])
    message.output.add(name=BOXES, data_type=types.TYPE_FP32, dims=[candidates, 4])
    message.output.add(name=SCORES, data_type=types.TYPE_FP32, dims=[candidates, classes], label_filename=LABELS_FILE)
    message.optimization.execution_accelerators.cpu_execution_accelerator.add(name="openvino")
    _add_batching(message, side, batched=is_batched(model))
    for key, value in {
        "task": "object-detection",
        "preprocess": json.dumps({"size": [side, side], "resize": "letterbox"}),
        "threshold": f"{interface.threshold:g}",
        "precisions": ",".join(interface.precisions),
        "licence": interface.licence,
    }.items():
        message.parameters[f"imago.{key}"].string_value = value
    return str(text_format.MessageToString(message))


def _add_batching(message: model_config_pb2.ModelConfig, side: int, *, batched: bool) -> None:
    if batched:
        message.max_batch_size = LARGEST_BATCH
        message.dynamic_batching.SetInParent()
    for size in WARMED_BATCHES if batched else (1,):
        sample = message.model_warmup.add(name=f"batch of {size}", batch_size=size)
        pixels = sample.inputs[INPUT]
        pixels.data_type, pixels.zero_data = model_config_pb2.DataType.TYPE_UINT8, True
        pixels.dims.extend([side, side, 3])


def same_interface(first: str, second: str) -> bool:
    """Whether two configurations take and give the same tensors, so that one can stand for versions of both."""
    messages = [text_format.Parse(text, model_config_pb2.ModelConfig()) for text in (first, second)]
    ours, theirs = ((list(m.input), list(m.output), m.max_batch_size) for m in messages)
    return bool(ours == theirs)
