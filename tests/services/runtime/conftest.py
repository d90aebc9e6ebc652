from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from services.runtime.embedded import EmbeddedEngine
from services.runtime.model import InferRequest
from services.runtime.repository import ModelRepository
from services.runtime.telemetry import Metrics
from tests.repositories import floats

Load = Callable[..., Awaitable[ModelRepository]]


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    loaded: list[ModelRepository] = []

    async def load(*names: str, roots: Sequence[Path] = (tmp_path,)) -> ModelRepository:
        repository = ModelRepository(list(roots), load=names, metrics=Metrics())
        await repository.load()
        loaded.append(repository)
        return repository

    yield load
    for repository in loaded:
        await repository.close()


async def double(repository: ModelRepository, name: str = "scale", version: str = "") -> list[list[float]]:
    response = await EmbeddedEngine(repository).infer(InferRequest(name, {"x": floats([1, 2, 3])}, version))
    return response.outputs["y"].tolist()  # type: ignore[no-any-return]
