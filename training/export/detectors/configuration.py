"""An object detector's `config.pbtxt`: a letterboxed picture in, candidates out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from tritonclient.grpc import model_config_pb2

from training.errors import TrainingError
from training.export.configuration import LABELS_FILE, LARGEST_BATCH, check_labels, finished_text, new_config
from training.export.detectors.graph import BOXES, INPUT, SCORES, candidates_of, is_batched


@dataclass(frozen=True, slots=True)
class DetectorInterface:
    """What callers of a detector must know.

    Attributes:
        name: the model's, which is also its folder's.
        labels: of the classes, in the order of the columns of SCORES.
        threshold: least score that counts when the caller names none, 0..1.
        precisions: "f32", "bf16": at which the graph was compared with the network.
        licence: of the weights.
        exclusive: one thing has one label only.
    """

    name: str
    labels: Sequence[str]
    threshold: float
    precisions: Sequence[str]
    licence: str
    exclusive: bool = False

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`.

        Raises:
            TrainingError: the graph has another number of classes than there are labels, or a label is no line of text.
        """
        candidates, classes = candidates_of(model)
        if classes != len(self.labels):
            raise TrainingError(
                f"model '{self.name}': {LABELS_FILE} would have {len(self.labels)} labels, "
                f"but the graph's {SCORES} has {classes} columns"
            )
        check_labels(self.name, self.labels)
        side = int(model.graph.input[0].type.tensor_type.shape.dim[-2].dim_value)
        message = new_config(self.name)
        types = model_config_pb2.DataType
        message.input.add(name=INPUT, data_type=types.TYPE_UINT8, dims=[side, side, 3])
        message.output.add(name=BOXES, data_type=types.TYPE_FP32, dims=[candidates, 4])
        message.output.add(
            name=SCORES, data_type=types.TYPE_FP32, dims=[candidates, classes], label_filename=LABELS_FILE
        )
        parameters = {
            "task": "object-detection",
            "preprocess": json.dumps({"size": [side, side], "resize": "letterbox"}),
            "threshold": f"{self.threshold:g}",
            "precisions": ",".join(self.precisions),
            "licence": self.licence,
        }
        if self.exclusive:
            parameters["exclusive_labels"] = "true"
        return finished_text(message, parameters, largest_batch=LARGEST_BATCH if is_batched(model) else 0)
