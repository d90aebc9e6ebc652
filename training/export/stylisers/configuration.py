"""The `config.pbtxt` of stylisers and dreams: what goes in, what comes out, and what their fronts have to know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from training.dreaming.settings import DreamSettings
from training.export.configuration import finished_text, new_config
from training.export.stylisers.graph import CONTENT, IMAGE, STATISTICS, STRENGTH, STYLE, STYLIZED
from training.features.stack import FeatureStack
from training.stylisation.adain import Stylizer
from training.stylisation.gatys import StyleSettings

TYPES = model_config_pb2.DataType
PIXELS = (TYPES.TYPE_UINT8, (-1, -1, 3))
LARGEST_BATCH = 8
WARMED = (256, 256, 3)

TILE, OVERLAP, LONGEST_SIDE = 512, 64, 1024
STYLE_LONGEST_SIDE = 512
LEAST_OPTIMISED, LEAST_DREAMT = 64, 32
DREAM_TILE = 256

STYLE_OPTIMIZATION, IMAGE_DREAMING = "style-optimization", "image-dreaming"

Tensors = Mapping[str, tuple[int, Sequence[int]]]
"""Types and dims by name."""


@dataclass(frozen=True, slots=True)
class About:
    """What every configuration says: name of the model, a sentence, precisions that it was proven at, licence."""

    name: str
    description: str
    precisions: Sequence[str]
    licence: str
    labels: Sequence[str] = field(default=())

    def parameters(self, task: str) -> dict[str, str]:
        return {
            "task": task,
            "description": self.description,
            "precisions": ",".join(self.precisions),
            "licence": self.licence,
        }


@dataclass(frozen=True, slots=True)
class FeedForwardInterface:
    """What callers of a styliser's two models must know.

    Attributes:
        stylizer: the network.
        encoder: the name of the model that tells statistics; empty where this is the one.
        styles: codes of the styles that may be asked for by name.
    """

    about: About
    stylizer: Stylizer
    encoder: str = ""
    styles: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def labels(self) -> Sequence[str]:
        return self.about.labels

    @property
    def licence(self) -> str:
        return self.about.licence

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`, after `training.export.configuration.Interface`."""
        message = new_config(self.name)
        values, code = self.stylizer.encoder.values, TYPES.TYPE_FP32
        if not self.encoder:
            _add(message, {IMAGE: PIXELS}, {STATISTICS: (code, (values,))})
            parameters = self.about.parameters("style-encoding")
        else:
            codes = {CONTENT: (code, (values,)), STYLE: (code, (values,)), STRENGTH: (code, (1,))}
            _add(message, {IMAGE: PIXELS, **codes}, {STYLIZED: PIXELS})
            parameters = self.about.parameters("image-stylization") | {"style": json.dumps(self._style())}
            parameters["styles"] = json.dumps(self.styles)
        return finished_text(message, parameters, largest_batch=LARGEST_BATCH, warmed={IMAGE: WARMED})

    def _style(self) -> dict[str, object]:
        deepest = self.stylizer.encoder.stack.names[-1]
        return {
            "encoder": self.encoder,
            "space": f"{deepest}-statistics",
            "multiple": self.stylizer.multiple,
            "least": self.stylizer.least,
            "tile": TILE,
            "overlap": OVERLAP,
            "longest_side": LONGEST_SIDE,
        }


@dataclass(frozen=True, slots=True)
class StepInterface:
    """What callers of a model that optimises must know.

    Attributes:
        stack: whose layers may be asked for.
        settings: defaults of whoever names none; they say whether it transfers styles or dreams.
    """

    about: About
    stack: FeatureStack
    settings: StyleSettings | DreamSettings

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def labels(self) -> Sequence[str]:
        return self.about.labels

    @property
    def licence(self) -> str:
        return self.about.licence

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`, after `training.export.configuration.Interface`.

        There is no warm-up: the program runs its graph once when it starts.
        """
        message = model_config_pb2.ModelConfig(name=self.name, backend="python")
        message.model_transaction_policy.decoupled = True
        channels = {layer.name: layer.channels for layer in self.stack.layers}
        if isinstance(self.settings, StyleSettings):
            _add(message, STYLE_INPUTS, STYLE_OUTPUTS)
            parameters = self.about.parameters(STYLE_OPTIMIZATION)
            parameters["optimisation"] = json.dumps(_optimisation(self.stack, self.settings))
            message.parameters["channels"].string_value = json.dumps(channels)
        else:
            _add(message, DREAM_INPUTS, DREAM_OUTPUTS)
            parameters = self.about.parameters(IMAGE_DREAMING)
            parameters["dream"] = json.dumps({"layers": channels, **_dream(self.stack, self.settings)})
        for key, value in parameters.items():
            message.parameters[f"imago.{key}"].string_value = value
        return str(text_format.MessageToString(message))


STYLE_INPUTS: Tensors = {
    IMAGE: PIXELS,
    "STYLE_PIXELS": (TYPES.TYPE_UINT8, (-1,)),
    "STYLE_SHAPES": (TYPES.TYPE_INT64, (-1, 2)),
    "STYLE_WEIGHTS": (TYPES.TYPE_FP32, (-1,)),
    "SETTINGS": (TYPES.TYPE_STRING, (1,)),
}
STYLE_OUTPUTS: Tensors = {"STEP": (TYPES.TYPE_INT64, (1,)), "LOSSES": (TYPES.TYPE_FP32, (3,)), IMAGE: PIXELS}
DREAM_INPUTS: Tensors = {IMAGE: PIXELS, "GUIDE": PIXELS, "SETTINGS": (TYPES.TYPE_STRING, (1,))}
DREAM_OUTPUTS: Tensors = {
    "PROGRESS": (TYPES.TYPE_INT64, (4,)),
    "OBJECTIVE": (TYPES.TYPE_FP32, (1,)),
    IMAGE: PIXELS,
    "BEFORE_AFTER": (TYPES.TYPE_FP32, (2,)),
}


def _add(message: Any, inputs: Tensors, outputs: Tensors) -> None:
    for side, tensors in ((message.input, inputs), (message.output, outputs)):
        for name, (kind, dims) in tensors.items():
            side.add(name=name, data_type=kind, dims=dims)


def _optimisation(stack: FeatureStack, settings: StyleSettings) -> dict[str, object]:
    return {
        "layers": list(stack.names),
        "content_layers": list(settings.content_layers),
        "style_layers": list(settings.style_layers),
        "steps": settings.steps,
        "learning_rate": settings.learning_rate,
        "content_weight": settings.content_weight,
        "style_weight": settings.style_weight,
        "variation_weight": settings.variation_weight,
        "multiple": stack.multiple,
        "least": max(LEAST_OPTIMISED, 4 * stack.multiple),
        "longest_side": STYLE_LONGEST_SIDE,
    }


def _dream(stack: FeatureStack, settings: DreamSettings) -> dict[str, object]:
    return {
        "targets": [{"layer": layer, "weight": 1} for layer in settings.layers],
        "octaves": settings.octaves,
        "octave_scale": settings.octave_scale,
        "steps": settings.steps,
        "step_size": settings.step_size,
        "tile": DREAM_TILE,
        "multiple": stack.multiple,
        "least": max(LEAST_DREAMT, 2 * stack.multiple),
        "longest_side": LONGEST_SIDE,
    }
