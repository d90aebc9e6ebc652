"""The default engine: this process's own repository."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.runtime.config import ModelConfig
from services.runtime.model import InferRequest, InferResponse
from services.runtime.repository import ModelRepository


class EmbeddedEngine:
    """`model.Engine` over a loaded repository."""

    def __init__(self, repository: ModelRepository) -> None:
        self._repository = repository

    async def infer(self, request: InferRequest) -> InferResponse:
        return await self._repository.find(request.model, request.version).infer(request)

    async def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        async with aclosing(self._repository.find(request.model, request.version).stream(request)) as responses:
            async for response in responses:
                yield response

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        return self._repository.find(name, version).config

    async def ready_models(self) -> list[str]:
        return sorted({model.name for model in self._repository.models()})

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        return self._repository.versions(name)
