"""What a model of task "image-generation" is, which of them a request means, and what DescribeModels says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imago.v1 import generator_pb2, image_pb2
from services.generator.latents import LatentSpace, Points, read_space
from services.runtime.config import ModelConfig, TensorSpec
from services.runtime.errors import InvalidInput, ModelFailed, NotFound
from services.runtime.images import Pixels
from services.runtime.model import Engine, Tensor, Tensors
from services.runtime.typed import resolve_model

TASK = "image-generation"
DEFAULT_MODEL = "digits"
_DISTRIBUTIONS = {
    "normal": generator_pb2.LATENT_DISTRIBUTION_NORMAL,
    "uniform": generator_pb2.LATENT_DISTRIBUTION_UNIFORM,
}


@dataclass(frozen=True, slots=True)
class GeneratorModel:
    """A model that makes images: latent vectors and perhaps classes in, pixels and perhaps how real they are out.

    Attributes:
        config: as the engine knows it.
        version: the decimal version that is asked.
        space: what it draws from.
        labels: its classes, in the order of their numbers; empty for a model without.
        width, height: of its images, in pixels.
        channels: 3 for RGB, 1 for grey.
        has_critic: whether it says how real its images are.
    """

    config: ModelConfig
    version: str
    space: LatentSpace
    labels: tuple[str, ...]
    width: int
    height: int
    channels: int
    has_critic: bool

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def most_rows(self) -> int:
        """Rows of one request.

        A quarter of a batch: requests are never split, and of larger ones fewer would fit together, so that batches
        would start with more places empty. What arrives together still rides together.
        """
        return max(1, self.config.max_batch_size // 4)

    def number_of(self, label: str, field: str) -> int:
        """The number of a class.

        Raises:
            InvalidInput: with `field`: the model lacks it, or has no classes.
        """
        if label in self.labels:
            return self.labels.index(label)
        known = f"knows {', '.join(self.labels)}" if self.labels else "has no classes"
        raise InvalidInput(f"{field} is '{label}'; model '{self.name}' {known}", field=field)

    def inputs(self, points: Points) -> Tensors:
        """The tensors of at most `most_rows` rows."""
        tensors: Tensors = {"LATENT": points.latents.reshape(-1, *self.space.dimensions)}
        if self.labels:
            tensors["LABEL"] = points.classes[:, np.newaxis]
        return tensors if self.config.max_batch_size else {name: tensor[0] for name, tensor in tensors.items()}

    def images(self, outputs: Tensors, rows: int) -> tuple[Pixels, Tensor | None]:
        """IMAGE (rows, height, width, channels) and REALNESS (rows,), None for a model without a critic.

        Raises:
            ModelFailed: they have other shapes.
        """
        pixels = outputs["IMAGE"].reshape(-1, *outputs["IMAGE"].shape[-3:])
        realness = outputs["REALNESS"].reshape(-1) if self.has_critic else None
        wanted = (rows, self.height, self.width, self.channels)
        if pixels.shape != wanted or (realness is not None and len(realness) != rows):
            told = "" if realness is None else f" and REALNESS {len(realness)} values"
            raise ModelFailed(f"model '{self.name}': IMAGE has shape {pixels.shape}{told} where {wanted} is stated")
        return pixels, realness


def read_model(config: ModelConfig, version: str) -> GeneratorModel:
    """What a configuration of task "image-generation" promises.

    Raises:
        ModelFailed: it is not the configuration of such a model; the sentence names the tensor or the parameter.
    """
    latent = _dims(config, config.inputs, "LATENT", "FP32")
    image = _dims(config, config.outputs, "IMAGE", "UINT8")
    if latent is None or image is None:
        missing = "LATENT of TYPE_FP32" if latent is None else "IMAGE of TYPE_UINT8"
        raise ModelFailed(f"model '{config.name}' has no {missing}, as {TASK} needs")
    if len(image) != 3 or min(image) < 1 or image[2] not in (1, 3):
        raise ModelFailed(f"model '{config.name}': IMAGE must be [height, width, 3 or 1] in whole numbers")
    realness = _dims(config, config.outputs, "REALNESS", "FP32")
    if realness not in (None, (1,)):
        raise ModelFailed(f"model '{config.name}': REALNESS must be [1]")
    height, width, channels = image
    space, labels = read_space(config, latent), _labels(config)
    return GeneratorModel(config, version, space, labels, width, height, channels, realness is not None)


def _labels(config: ModelConfig) -> tuple[str, ...]:
    labels = config.labels.get("IMAGE", ())
    label = _dims(config, config.inputs, "LABEL", "INT64")
    if label not in (None, (1,)):
        raise ModelFailed(f"model '{config.name}': LABEL must be [1]")
    if (label is None) != (not labels):
        why = (
            "label_filename of IMAGE, but no LABEL of TYPE_INT64"
            if labels
            else "LABEL, but IMAGE has no label_filename, or with --engine triton no --model-repository that holds it"
        )
        raise ModelFailed(f"model '{config.name}' has {why}")
    if len(set(labels)) < len(labels) or "" in labels:
        raise ModelFailed(f"model '{config.name}': the classes of IMAGE are {', '.join(labels)}; one is empty or twice")
    return labels


def _dims(config: ModelConfig, specs: Sequence[TensorSpec], name: str, datatype: str) -> tuple[int, ...] | None:
    """The dimensions of a tensor for one image; None where there is no such tensor."""
    for spec in specs:
        if spec.name == name and spec.datatype == datatype:
            return spec.shape[1:] if config.max_batch_size else spec.shape
    return None


class Catalogue:
    """The generators of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, name: str, version: str) -> GeneratorModel:
        """The model that a request means. Raises as `resolve_model` and `read_model` do."""
        config = await resolve_model(self._engine, name or DEFAULT_MODEL, version, TASK)
        return read_model(config, version.lstrip("0") or await self._newest(config.name))

    async def _newest(self, name: str) -> str:
        """The version that is asked when none is named: latent vectors belong to one, so it must be known before."""
        versions = await self._engine.ready_versions(name)
        if not versions:
            raise NotFound(f"model '{name}' has no version that is ready")
        return versions[-1]

    async def all(self, name: str, version: str) -> list[GeneratorModel]:
        """The models of a name and a version, each empty for all, by name, then by version.

        Raises:
            InvalidInput: a version without a name.
            ImagoError: as `find` does.
        """
        if name and version:
            return [await self.find(name, version)]
        if version:
            raise InvalidInput(f"version is '{version}', but no model is named", field="version")
        names = [name] if name else [one for one in await self._engine.ready_models() if await self._generates(one)]
        pairs = [(one, ready) for one in names for ready in await self._engine.ready_versions(one) or [""]]
        return [await self.find(one, ready) for one, ready in pairs]

    async def _generates(self, name: str) -> bool:
        return (await self._engine.model_config(name)).parameter("imago.task") == TASK


def encode_model(model: GeneratorModel) -> generator_pb2.GeneratorModel:
    """What a caller must know of a model."""
    space = generator_pb2.LatentSpace(
        name=model.space.name,
        dimensions=model.space.dimensions,
        distribution=_DISTRIBUTIONS[model.space.distribution],
        location=model.space.location,
        scale=model.space.scale,
    )
    return generator_pb2.GeneratorModel(
        name=model.name,
        version=model.version,
        spaces=[space],
        labels=model.labels,
        width=model.width,
        height=model.height,
        format=image_pb2.PIXEL_FORMAT_GRAY8 if model.channels == 1 else image_pb2.PIXEL_FORMAT_RGB8,
        has_critic=model.has_critic,
        description=model.config.parameter("imago.description"),
        licence=model.config.parameter("imago.licence"),
    )
