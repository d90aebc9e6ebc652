"""Every model that this process serves: loads them all, warms them, finds them by name and version."""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from services.runtime.backends.placement import Placement, place_instances
from services.runtime.backends.registry import BackendKind, backend_kind
from services.runtime.config import ConfigError, ModelConfig, finish_config, read_config
from services.runtime.errors import ImagoError, InvalidInput, NotFound, StartupError, Unavailable
from services.runtime.folders import find_models, require_file, served_versions
from services.runtime.instance import Instance, InstanceThread
from services.runtime.served import ServedModel
from services.runtime.telemetry import Metrics, ModelStatistics
from services.runtime.warmup import warmup_batches

log = logging.getLogger(__name__)

State = Literal["", "LOADING", "READY", "UNAVAILABLE"]

_VERSION = re.compile(r"[0-9]{1,18}")
"""What fits the 64 bits of Triton's versions; Python itself refuses to read numbers of thousands of digits."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the repository's index; `state` is empty for a model that was not asked for."""

    name: str
    version: str
    state: State
    reason: str = ""


class ModelRepository:
    """The models under some root folders, or those of them that `load` names."""

    def __init__(self, roots: Sequence[Path], *, load: Sequence[str] = (), metrics: Metrics) -> None:
        self._roots = roots
        self._wanted = load
        self._metrics = metrics
        self._folders: dict[str, Path] = {}
        self._models: dict[str, dict[str, ServedModel]] = {}
        self._loading: set[str] = set()

    async def load(self) -> None:
        """Load and warm every wanted model, several at a time.

        Raises:
            StartupError: one line about the first model that cannot be served; nothing stays loaded then.
        """
        try:
            self._folders = find_models(self._roots)
        except OSError as error:
            raise StartupError(f"the model repository cannot be read: {error}") from None
        unknown = sorted(set(self._wanted) - self._folders.keys())
        if unknown:
            raise StartupError(f"--load-model names {unknown}; the repositories hold {sorted(self._folders)}")
        self._loading = set(self._wanted or self._folders)
        results = await asyncio.gather(*map(self._load_model, sorted(self._loading)), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await self.close()
            raise failures[0]

    def index(self) -> list[IndexEntry]:
        """Every model of the repositories, by name, then version."""
        entries = []
        for name in sorted(self._folders):
            if name in self._models:
                entries += [IndexEntry(name, version, "READY") for version in self._models[name]]
            else:
                entries.append(IndexEntry(name, "", "LOADING" if name in self._loading else ""))
        return entries

    def find(self, name: str, version: str = "") -> ServedModel:
        """A ready model; without a version, the newest.

        Raises:
            NotFound, Unavailable, InvalidInput: in Triton's words.
        """
        if version and not _VERSION.fullmatch(version):
            raise InvalidInput(
                f"failed to get model version from specified version string '{version[:40]}' "
                "(details: it is not a number of at most 18 digits)",
                field="model_version",
            )
        versions = self._models.get(name)
        if versions is None:
            raise self._why_absent(name, version)
        if not version:
            return next(reversed(versions.values()))
        if (model := versions.get(str(int(version)))) is None:
            raise NotFound(f"Request for unknown model: '{name}' version {version} is not found")
        return model

    def _why_absent(self, name: str, version: str) -> ImagoError:
        if name not in self._folders:
            return NotFound(f"Request for unknown model: '{name}' is not found")
        if name in self._loading and version:
            return Unavailable(f"Request for unknown model: '{name}' version {version} is not at ready state")
        return NotFound(f"Request for unknown model: '{name}' has no available versions")

    def is_ready(self, name: str, version: str = "") -> bool:
        try:
            self.find(name, version)
        except (NotFound, Unavailable):
            return False
        return True

    def versions(self, name: str) -> tuple[str, ...]:
        """The ready versions of a model, oldest first."""
        return tuple(self._models.get(name, ()))

    def models(self) -> list[ServedModel]:
        """Every ready model version, by name, then version."""
        return [model for name in sorted(self._models) for model in self._models[name].values()]

    async def drain(self) -> None:
        """Return when every accepted request has been answered."""
        await asyncio.gather(*(model.drain() for model in self.models()))

    async def close(self) -> None:
        models = self.models()
        self._models = {}
        await asyncio.gather(*(model.close() for model in models))
        for model in models:
            self._metrics.unregister(model.statistics)

    async def _load_model(self, name: str) -> None:
        try:
            await self._load_folder(name, self._folders[name])
        except OSError as error:
            raise ConfigError(f"model '{name}' cannot be read: {error}") from None

    async def _load_folder(self, name: str, folder: Path) -> None:
        message = await asyncio.to_thread(read_config, folder)
        kind = backend_kind(message, folder)
        versions = served_versions(message, folder)
        for version in versions:
            require_file(message, folder, version, kind.model_file)
        # Not in the loop's executor, for which a process that is told to stop waits, however long a model thinks.
        thread = InstanceThread(f"{name} configuration")
        try:
            await thread.call(partial(kind.complete, message, folder, versions[-1]))
        finally:
            thread.stop()
        config = finish_config(message, folder)
        for hint in config.without_effect:
            log.warning("a field of config.pbtxt has no effect here", extra={"model": name, "field": hint})
        served = await asyncio.gather(*(self._load_version(config, kind, folder, version) for version in versions))
        self._models[name] = {model.version: model for model in served}
        self._loading.discard(name)

    async def _load_version(self, config: ModelConfig, kind: BackendKind, folder: Path, version: int) -> ServedModel:
        placements = place_instances(config, await asyncio.to_thread(kind.gpus))
        instances = await asyncio.gather(
            *(
                _open_instance(config, kind, folder / str(version), placement, len(placements))
                for placement in placements
            )
        )
        statistics = ModelStatistics(config.name, str(version))
        self._metrics.register(statistics)
        return ServedModel(config, str(version), instances, statistics)


async def _open_instance(
    config: ModelConfig, kind: BackendKind, version_folder: Path, placement: Placement, copies: int
) -> Instance:
    """Load and warm one instance on the thread that will run it."""
    thread = InstanceThread(placement.name)

    def load() -> Instance:
        backend = kind.open(config, version_folder.parent, int(version_folder.name), placement, copies)
        for sample, batch in warmup_batches(config, version_folder.parent):
            try:
                backend.warmup(batch)
            except ImagoError as error:
                raise ConfigError(f"model '{config.name}': model_warmup '{sample}' failed: {error}") from error
        return Instance(backend, thread)

    return await thread.call(load)
