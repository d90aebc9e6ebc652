"""What a model that works step by step must be: the tensors of its configuration and what it states itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.runtime.config import ModelConfig
from services.runtime.errors import ModelFailed
from services.translator.networks import Network, require, require_pixels, stated_frame
from services.translator.stated import Stated

OPTIMIZATION = "style-optimization"
DREAMING = "image-dreaming"


@dataclass(frozen=True, slots=True)
class StyleOptimizer(Network):
    """Stylises step by step; attributes are the defaults of the contract's StyleOptimisation, and what it can hold.

    Its frame's tile is the longest side that it works at.
    """

    layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    steps: int
    learning_rate: float
    content_weight: float
    style_weight: float
    variation_weight: float


@dataclass(frozen=True, slots=True)
class Target:
    """A layer to strengthen, or one of its channels, and by how much."""

    layer: str
    channel: int | None
    weight: float


@dataclass(frozen=True, slots=True)
class Dreamer(Network):
    """Dreams; attributes are the defaults of the contract's DreamRequest, and the channels of each layer."""

    layers: Mapping[str, int]
    targets: tuple[Target, ...]
    octaves: int
    octave_scale: float
    steps: int
    step_size: float
    longest_side: int


def read_optimizer(config: ModelConfig, version: str) -> StyleOptimizer:
    """What a model of task "style-optimization" promises."""
    _streams(config, OPTIMIZATION)
    require_pixels(config, config.inputs, "IMAGE", OPTIMIZATION)
    require_pixels(config, config.outputs, "IMAGE", OPTIMIZATION)
    wanted = {"STYLE_PIXELS": "UINT8", "STYLE_SHAPES": "INT64", "STYLE_WEIGHTS": "FP32", "SETTINGS": "BYTES"}
    require(config, config.inputs, wanted, OPTIMIZATION)
    require(config, config.outputs, {"STEP": "INT64", "LOSSES": "FP32"}, OPTIMIZATION)
    stated = Stated(config, "imago.optimisation")
    layers = stated.texts("layers")
    optimizer = StyleOptimizer(
        config,
        version,
        stated_frame(config, stated, "imago.optimisation", stated.whole("longest_side"), 0),
        layers,
        _some_of(stated, "content_layers", layers),
        _some_of(stated, "style_layers", layers),
        stated.whole("steps"),
        stated.number("learning_rate", above=0),
        stated.number("content_weight"),
        stated.number("style_weight"),
        stated.number("variation_weight"),
    )
    stated.refuse_others()
    return optimizer


def read_dreamer(config: ModelConfig, version: str) -> Dreamer:
    """What a model of task "image-dreaming" promises."""
    _streams(config, DREAMING)
    for name in ("IMAGE", "GUIDE"):
        require_pixels(config, config.inputs, name, DREAMING)
    require_pixels(config, config.outputs, "IMAGE", DREAMING)
    require(config, config.inputs, {"SETTINGS": "BYTES"}, DREAMING)
    require(config, config.outputs, {"PROGRESS": "INT64", "OBJECTIVE": "FP32", "BEFORE_AFTER": "FP32"}, DREAMING)
    stated = Stated(config, "imago.dream")
    layers = _layers(stated)
    dreamer = Dreamer(
        config,
        version,
        stated_frame(config, stated, "imago.dream", stated.whole("tile"), 0),
        layers,
        _targets(stated, layers),
        stated.whole("octaves"),
        stated.number("octave_scale", above=1),
        stated.whole("steps"),
        stated.number("step_size", above=0),
        stated.whole("longest_side"),
    )
    stated.refuse_others()
    return dreamer


def _some_of(stated: Stated, name: str, layers: Sequence[str]) -> tuple[str, ...]:
    texts = stated.texts(name)
    if not set(texts) <= set(layers):
        raise stated.failure(name, f"some of {', '.join(layers)}")
    return texts


def _layers(stated: Stated) -> dict[str, int]:
    layers = stated.value("layers")
    if not isinstance(layers, dict) or not layers or not all(isinstance(count, int) for count in layers.values()):
        raise stated.failure("layers", "an object that tells the channels of each")
    return layers


def _targets(stated: Stated, layers: Mapping[str, int]) -> tuple[Target, ...]:
    must = f"a list of {{layer, channel, weight}} with layers of {', '.join(layers)}"
    try:
        targets = tuple(
            Target(one["layer"], one.get("channel"), float(one.get("weight", 1))) for one in stated.value("targets")
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        raise stated.failure("targets", must) from None
    if not targets or not all(target.layer in layers for target in targets):
        raise stated.failure("targets", must)
    return targets


def _streams(config: ModelConfig, task: str) -> None:
    if not config.decoupled or config.max_batch_size:
        raise ModelFailed(f"model '{config.name}' must be decoupled and without a batch axis, as {task} needs")
