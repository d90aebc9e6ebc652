"""What all of `config.pbtxt` share: Triton's own ModelConfig, with the `imago.*` parameters of our typed fronts."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from training.errors import TrainingError

LABELS_FILE = "labels.txt"
LARGEST_BATCH = 32
WARMED_BATCHES = (1, 8)
"""OpenVINO prepares for each size of batch that it meets; the first callers shall not wait for the usual ones."""


class Interface(Protocol):
    """What callers of a model must know.

    Attributes:
        name: the model's, which is also its folder's.
        labels: of its classes, in the order of their numbers; none for a model without classes.
        licence: of the weights.
    """

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def licence(self) -> str: ...

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`; TrainingError where graph and labels do not fit together."""


def new_config(name: str) -> model_config_pb2.ModelConfig:
    """A configuration without tensors: an ONNX file that OpenVINO runs on a CPU."""
    message = model_config_pb2.ModelConfig(name=name, backend="onnxruntime")
    message.optimization.execution_accelerators.cpu_execution_accelerator.add(name="openvino")
    return message


def finished_text(
    message: model_config_pb2.ModelConfig,
    parameters: Mapping[str, str],
    *,
    largest_batch: int = LARGEST_BATCH,
    warmed: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """The text of a configuration whose tensors are named, with batches, their warm-up and the `imago.*` parameters.

    Args:
        message: changed in place.
        parameters: by key, without the `imago.` before it.
        largest_batch: rows; 0: the tensors have no batch axis.
        warmed: dims of the inputs whose own are free, for the warm-up.
    """
    if largest_batch:
        message.max_batch_size = largest_batch
        message.dynamic_batching.SetInParent()
    for size in [size for size in WARMED_BATCHES if size <= max(1, largest_batch)]:
        sample = message.model_warmup.add(name=f"batch of {size}", batch_size=size)
        for tensor in message.input:
            values = sample.inputs[tensor.name]
            values.data_type, values.zero_data = tensor.data_type, True
            values.dims.extend((warmed or {}).get(tensor.name, tensor.dims))
    for key, value in parameters.items():
        message.parameters[f"imago.{key}"].string_value = value
    return str(text_format.MessageToString(message))


def check_labels(name: str, labels: Sequence[str]) -> None:
    """See that each label can be a line of `labels.txt`.

    Raises:
        TrainingError: one cannot.
    """
    for label in labels:
        if label.splitlines() != [label] or label != label.strip():
            raise TrainingError(f"model '{name}': the label {label!r} is no line of text")


def same_interface(first: str, second: str) -> bool:
    """Whether two configurations take and give the same, so that one can stand for versions of both."""
    messages = [text_format.Parse(text, model_config_pb2.ModelConfig()) for text in (first, second)]
    ours, theirs = ((list(m.input), list(m.output), m.max_batch_size, _meaning(m)) for m in messages)
    return bool(ours == theirs)


def _meaning(message: model_config_pb2.ModelConfig) -> list[str]:
    """What the parameters say of the tensors."""
    keys = ("task", "preprocess", "latent", "translation", "style", "optimisation", "dream")
    return [message.parameters[f"imago.{key}"].string_value for key in keys]
