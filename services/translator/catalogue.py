"""Which model a request means: by its name, by its family, by its task."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from services.runtime.config import ModelConfig
from services.runtime.errors import InvalidInput, NotFound
from services.runtime.model import Engine
from services.runtime.typed import check_version, resolve_model
from services.translator.networks import (
    ENCODING,
    STYLIZATION,
    TRANSLATION,
    Encoder,
    Network,
    Stylizer,
    Translator,
    read_encoder,
    read_stylizer,
    read_translator,
)
from services.translator.stepwise import (
    DREAMING,
    OPTIMIZATION,
    Dreamer,
    StyleOptimizer,
    read_dreamer,
    read_optimizer,
)

DEFAULT_FAMILY, DEFAULT_STYLIZER, DEFAULT_DREAMER = "maps", "stylizer", "dream"

N = TypeVar("N", bound=Network)


class Catalogue:
    """The models of one engine. What it raises of a request is InvalidInput or NotFound, of a model ModelFailed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: dict[tuple[str, str], tuple[ModelConfig, Network]] = {}

    async def translator(self, model: str, version: str, direction: str) -> Translator:
        """The model of a name, or the one of a family that goes in the direction: without one, its first."""
        check_version(version)
        model = model or DEFAULT_FAMILY
        ready = await self._engine.ready_models()
        able = [] if model in ready else await self._family(model, ready)
        if not able:
            config = await resolve_model(self._engine, model, version, TRANSLATION)
            able = [self._known(config, version, read_translator)]
        fitting = [one for one in able if direction in ("", one.direction)]
        if not fitting:
            raise InvalidInput(
                f"direction is '{direction}'; model '{model}' goes {', '.join(one.direction for one in able)}",
                field="direction",
            )
        return await self._of_version(fitting[0], version)

    async def opposite(self, translator: Translator) -> Translator:
        """The model that translates back."""
        if not translator.opposite:
            raise InvalidInput(f"cycle is true, but nothing translates back from '{translator.name}'", field="cycle")
        try:
            config = await resolve_model(self._engine, translator.opposite, "", TRANSLATION)
        except NotFound:
            raise InvalidInput(
                f"cycle is true, but model '{translator.opposite}', which translates back from '{translator.name}', "
                "is not here",
                field="cycle",
            ) from None
        return self._known(config, "", read_translator)

    async def stylizer(self, model: str, version: str) -> Stylizer | StyleOptimizer:
        """The model of a name, which answers in one go or optimises."""
        config = await resolve_model(self._engine, model or DEFAULT_STYLIZER, version, STYLIZATION, OPTIMIZATION)
        version = version.lstrip("0") or await self._newest(config.name)
        if config.parameter("imago.task") == OPTIMIZATION:
            return self._known(config, version, read_optimizer)
        return self._known(config, version, read_stylizer)

    async def encoder(self, stylizer: Stylizer) -> Encoder:
        """The model that tells the statistics that a styliser takes."""
        config = await resolve_model(self._engine, stylizer.encoder, "", ENCODING)
        return read_encoder(config, "", stylizer)

    async def dreamer(self, model: str, version: str) -> Dreamer:
        """The model of a name."""
        config = await resolve_model(self._engine, model or DEFAULT_DREAMER, version, DREAMING)
        return self._known(config, version, read_dreamer)

    async def _family(self, family: str, names: Sequence[str]) -> list[Translator]:
        """The newest version of each of a family's models, by name."""
        configs = await asyncio.gather(*(self._engine.model_config(name) for name in names))
        able = [config for config in configs if config.parameter("imago.task") == TRANSLATION]
        return [one for config in able if (one := self._known(config, "", read_translator)).family == family]

    async def _of_version(self, translator: Translator, version: str) -> Translator:
        if not version:
            return translator
        return self._known(await self._engine.model_config(translator.name, version), version, read_translator)

    async def _newest(self, name: str) -> str:
        """The version that is asked when none is named: codes of styles belong to one, so it must be known."""
        versions = await self._engine.ready_versions(name)
        if not versions:
            raise NotFound(f"model '{name}' has no version that is ready")
        return versions[-1]

    def _known(self, config: ModelConfig, version: str, read: Callable[[ModelConfig, str], N]) -> N:
        """What a configuration promises; read once for as long as it stays the same object."""
        found = self._read.get((config.name, version))
        if found is None or found[0] is not config:
            found = self._read[config.name, version] = (config, read(config, version))
        network: N = found[1]  # type: ignore[assignment]  # a configuration has one task, and so one reader
        return network
