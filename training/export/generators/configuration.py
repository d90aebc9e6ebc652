"""A generator's `config.pbtxt`: latent vectors in, images out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from tritonclient.grpc import model_config_pb2

from training.adversarial.model import Latent
from training.errors import TrainingError
from training.export.configuration import LABELS_FILE, check_labels, finished_text, new_config
from training.export.generators.graph import IMAGE, LABEL, LATENT, REALNESS, image_shape

SPACE = "z"


@dataclass(frozen=True, slots=True)
class GeneratorInterface:
    """What callers of a generator must know.

    Attributes:
        name: the model's, which is also its folder's.
        labels: of the classes that can be asked for, in the order of their numbers; none for a generator without.
        latent: what it draws from.
        description: a sentence for people.
        precisions: "f32", "bf16": at which the graph was compared with the network.
        licence: of the weights.
    """

    name: str
    labels: Sequence[str]
    latent: Latent
    description: str
    precisions: Sequence[str]
    licence: str

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`.

        Raises:
            TrainingError: a label is no line of text, or there twice.
        """
        check_labels(self.name, self.labels)
        if twice := [label for label in self.labels if list(self.labels).count(label) > 1]:
            raise TrainingError(f"model '{self.name}': two classes are called '{twice[0]}': nobody could ask for one")
        types = model_config_pb2.DataType
        message = new_config(self.name)
        message.input.add(name=LATENT, data_type=types.TYPE_FP32, dims=[self.latent.size])
        pixels = message.output.add(name=IMAGE, data_type=types.TYPE_UINT8, dims=image_shape(model))
        if self.labels:
            message.input.add(name=LABEL, data_type=types.TYPE_INT64, dims=[1])
            pixels.label_filename = LABELS_FILE
        if REALNESS in {output.name for output in model.graph.output}:
            message.output.add(name=REALNESS, data_type=types.TYPE_FP32, dims=[1])
        parameters = {
            "task": "image-generation",
            "latent": json.dumps(self._space()),
            "description": self.description,
            "precisions": ",".join(self.precisions),
            "licence": self.licence,
            "rows_apart": "true",  # a seed means one image, whoever else asks at the same time
        }
        return finished_text(message, parameters)

    def _space(self) -> dict[str, object]:
        """As `imago.latent` has it: values are around `location`, as far as `scale`."""
        space = {"name": SPACE, "dimensions": [self.latent.size], "distribution": self.latent.distribution}
        return space | {"location": 0, "scale": 1}
