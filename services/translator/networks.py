"""What a model that answers in one go must be: the tensors of its configuration and what it states itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.runtime.config import ModelConfig, TensorSpec, object_parameter
from services.runtime.errors import ModelFailed
from services.runtime.model import Tensors
from services.translator.framing import Frame, check_frame
from services.translator.stated import Stated

TRANSLATION = "image-translation"
STYLIZATION = "image-stylization"
ENCODING = "style-encoding"

Code = NDArray[np.float32]
"""The statistics of a style, (2 C,): the means of C maps, then their deviations."""


@dataclass(frozen=True, slots=True)
class Network:
    """A model that an image goes through."""

    config: ModelConfig
    version: str
    frame: Frame

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def most_rows(self) -> int:
        """Tiles of one request: a quarter of a batch, so that those of several callers fill batches together."""
        return max(1, self.config.max_batch_size // 4)

    def tensors(self, rows: Tensors) -> Tensors:
        """The inputs of a request, whose tensors all have a batch axis here, as the model takes them."""
        return rows if self.config.max_batch_size else {name: tensor[0] for name, tensor in rows.items()}

    def output(self, outputs: Tensors, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """An output with its batch axis. Raises ModelFailed unless it has the shape."""
        tensor = outputs[name] if self.config.max_batch_size else outputs[name][np.newaxis]
        if tensor.shape != shape:
            raise ModelFailed(f"model '{self.name}': {name} has shape {tensor.shape} where {shape} was to come")
        return tensor


@dataclass(frozen=True, slots=True)
class Translator(Network):
    """From one domain to another.

    Attributes:
        family: the models that belong together, e.g. "maps".
        direction: what this one does, e.g. "aerial_to_map".
        opposite: the model that does the reverse; empty where there is none.
        shrinks: whether a larger image is reduced instead of cut into tiles.
        noise: how many numbers it draws; 0: none.
    """

    family: str
    direction: str
    opposite: str
    shrinks: bool
    noise: int


@dataclass(frozen=True, slots=True)
class Encoder(Network):
    """Tells the statistics of a style; `values` are as many as they are."""

    values: int


@dataclass(frozen=True, slots=True)
class Stylizer(Network):
    """Gives a content the statistics of a style, in one go.

    Attributes:
        encoder: the model that tells statistics.
        space: what they are called.
        values: how many they are.
        longest_side: what contents are reduced to.
        styles: those it knows by name.
    """

    encoder: str
    space: str
    values: int
    longest_side: int
    styles: Mapping[str, Code]


def read_translator(config: ModelConfig, version: str) -> Translator:
    """What a model of task "image-translation" promises. Raises ModelFailed, as all of these do, naming what is wrong.

    The sentence names the tensor or the parameter.
    """
    require_pixels(config, config.inputs, "IMAGE", TRANSLATION)
    require_pixels(config, config.outputs, "TRANSLATED", TRANSLATION)
    noise = _dims(config, config.inputs, "NOISE", "FP32")
    if noise is not None and (len(noise) != 1 or noise[0] < 1):
        raise ModelFailed(f"model '{config.name}': NOISE must be [count]")
    stated = Stated(config, "imago.translation")
    large = stated.text("large") if stated.has("large") else "tile"
    if large not in ("tile", "shrink"):
        raise stated.failure("large", "'tile' or 'shrink'")
    overlap = stated.whole("overlap", 0) if stated.has("overlap") else 0
    translator = Translator(
        config,
        version,
        stated_frame(config, stated, "imago.translation", stated.whole("tile"), overlap),
        stated.text("family"),
        stated.text("direction"),
        stated.text("opposite") if stated.has("opposite") and stated.value("opposite") != "" else "",
        large == "shrink",
        noise[0] if noise else 0,
    )
    stated.refuse_others()
    return translator


def read_stylizer(config: ModelConfig, version: str) -> Stylizer:
    """What a model of task "image-stylization" promises."""
    for name in ("IMAGE", "STYLIZED"):
        require_pixels(config, config.outputs if name == "STYLIZED" else config.inputs, name, STYLIZATION)
    sizes = {name: _row(config, config.inputs, name, STYLIZATION) for name in ("CONTENT", "STYLE", "STRENGTH")}
    values = sizes["STYLE"]
    if sizes["CONTENT"] != values or values % 2 or sizes["STRENGTH"] != 1:
        raise ModelFailed(
            f"model '{config.name}': CONTENT, STYLE and STRENGTH must be [2 C], [2 C] and [1], not "
            f"{', '.join(f'[{size}]' for size in sizes.values())}"
        )
    stated = Stated(config, "imago.style")
    frame = stated_frame(config, stated, "imago.style", stated.whole("tile"), stated.whole("overlap", 0))
    stylizer = Stylizer(
        config,
        version,
        frame,
        stated.text("encoder"),
        stated.text("space"),
        values,
        stated.whole("longest_side", frame.least),
        _named_styles(config, values),
    )
    stated.refuse_others()
    return stylizer


def read_encoder(config: ModelConfig, version: str, stylizer: Stylizer) -> Encoder:
    """What a model of task "style-encoding" promises; its sizes are those that the styliser states."""
    require_pixels(config, config.inputs, "IMAGE", ENCODING)
    values = _row(config, config.outputs, "STATISTICS", ENCODING)
    if values != stylizer.values:
        raise ModelFailed(
            f"model '{config.name}': STATISTICS has {values} values, but model '{stylizer.name}' takes "
            f"{stylizer.values}"
        )
    return Encoder(config, version, stylizer.frame, values)


def stated_frame(config: ModelConfig, stated: Stated, key: str, tile: int, overlap: int) -> Frame:
    """The sizes that a model states under a key."""
    return check_frame(Frame(stated.whole("multiple"), stated.whole("least"), tile, overlap), config.name, key)


def _named_styles(config: ModelConfig, values: int) -> dict[str, Code]:
    styles = {}
    for name, numbers in object_parameter(config, "imago.styles").items():
        try:
            styles[name] = np.array(numbers, np.float32)
        except (TypeError, ValueError):
            styles[name] = np.array(np.nan, np.float32)
        if styles[name].shape != (values,) or not np.isfinite(styles[name]).all():
            raise ModelFailed(f"model '{config.name}': imago.styles has '{name}' of other than {values} finite numbers")
    return styles


def require(config: ModelConfig, specs: Sequence[TensorSpec], wanted: Mapping[str, str], task: str) -> None:
    """Raises ModelFailed unless there is each tensor of the wanted datatype."""
    for name, datatype in wanted.items():
        if _dims(config, specs, name, datatype) is None:
            raise ModelFailed(f"model '{config.name}' has no {name} of {datatype}, as {task} needs")


def require_pixels(config: ModelConfig, specs: Sequence[TensorSpec], name: str, task: str) -> None:
    """Raises ModelFailed unless there is a tensor of an image of any size."""
    dims = _dims(config, specs, name, "UINT8")
    if dims != (-1, -1, 3):
        found = "" if dims is None else f", but {list(dims)}"
        raise ModelFailed(f"model '{config.name}' has no {name} of UINT8 [-1, -1, 3]{found}, as {task} needs")


def _row(config: ModelConfig, specs: Sequence[TensorSpec], name: str, task: str) -> int:
    """The length of a tensor of one axis."""
    dims = _dims(config, specs, name, "FP32")
    if dims is None or len(dims) != 1 or dims[0] < 1:
        raise ModelFailed(f"model '{config.name}' has no {name} of FP32 and one fixed length, as {task} needs")
    return dims[0]


def _dims(config: ModelConfig, specs: Sequence[TensorSpec], name: str, datatype: str) -> tuple[int, ...] | None:
    """The dimensions of a tensor for one image; None where there is no such tensor."""
    for spec in specs:
        if spec.name == name and spec.datatype == datatype:
            return spec.shape[1:] if config.max_batch_size else spec.shape
    return None
