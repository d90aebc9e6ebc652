"""One version of one model, loaded, warm and answering."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.runtime.batcher import DynamicBatcher, Timeouts
from services.runtime.config import ModelConfig
from services.runtime.errors import Unsupported
from services.runtime.instance import Instance
from services.runtime.model import InferRequest, InferResponse
from services.runtime.queue import BatchingPolicy
from services.runtime.telemetry import ModelStatistics
from services.runtime.validation import Signature


class ServedModel:
    """A model version with its instances behind one queue."""

    def __init__(
        self, config: ModelConfig, version: str, instances: Sequence[Instance], statistics: ModelStatistics
    ) -> None:
        self.config = config
        self.name = config.name
        self.version = version
        self.statistics = statistics
        self._instances = instances
        self._signature = Signature(config)
        self._batcher = DynamicBatcher(instances, _policy(config), statistics, _timeouts(config))

    async def infer(self, request: InferRequest) -> InferResponse:
        """One answer to one request; raises as `model.Engine.infer` does."""
        if self.config.decoupled:
            raise Unsupported("ModelInfer RPC doesn't support models with decoupled transaction policy")
        rows, bucket = self._signature.check(request)
        return await self._batcher.infer(request, rows, bucket)

    async def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        """Every response to one request, from a decoupled model or an ordinary one."""
        rows, bucket = self._signature.check(request)
        if not self.config.decoupled:
            yield await self._batcher.infer(request, rows, bucket)
            return
        async with aclosing(self._batcher.stream(request, rows)) as responses:
            async for response in responses:
                yield response

    async def drain(self) -> None:
        await self._batcher.drain()

    async def close(self) -> None:
        """Free every instance; what is still being computed is wanted by nobody."""
        for instance in self._batcher.busy():
            instance.backend.abandon()
        await asyncio.gather(*(instance.thread.call(instance.backend.close) for instance in self._instances))
        for instance in self._instances:
            instance.thread.stop()


def _policy(config: ModelConfig) -> BatchingPolicy:
    batching = config.message.dynamic_batching
    return BatchingPolicy(
        max_batch_size=max(1, config.max_batch_size),
        dynamic=config.message.HasField("dynamic_batching") and not config.decoupled,
        preferred_batch_sizes=frozenset(batching.preferred_batch_size),
        max_queue_delay=batching.max_queue_delay_microseconds / 1e6,
        max_queue_size=batching.default_queue_policy.max_queue_size,
    )


def _timeouts(config: ModelConfig) -> Timeouts:
    policy = config.message.dynamic_batching.default_queue_policy
    return Timeouts(policy.default_timeout_microseconds / 1e6, policy.allow_timeout_override)
