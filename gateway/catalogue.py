"""What there is behind the gateway: the models of every service, and how each service is.

Models come from the Open Inference Protocol that every service speaks, so a real Triton would be listed as well.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter_ns

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from gateway.backends import Backend, Backends
from gateway.passthrough import Exchange
from imago.v1 import gateway_pb2

_READY = "READY"


class Catalogue:
    """Asks all services at once; one that does not answer in time is told as such and hides nobody."""

    def __init__(self, backends: Backends, *, timeout_s: float) -> None:
        self._backends = backends
        self._timeout_s = timeout_s

    async def list_models(self, _: gateway_pb2.ListModelsRequest, exchange: Exchange) -> gateway_pb2.ListModelsResponse:
        """Every model that can be asked, as the address to which its requests go tells it."""
        timeout_s = self._within(exchange)
        found: dict[tuple[str, str, str], gateway_pb2.ModelInfo] = {}
        response = gateway_pb2.ListModelsResponse()

        async def ask(backend: Backend) -> None:
            for model in await _models(backend, timeout_s):
                if self._backends.answers_for(backend.service, model.name) is backend:
                    found[model.service, model.name, model.version] = model

        for status in await asyncio.gather(*(_status(backend, ask) for backend in self._backends)):
            if not status.serving:
                response.unreachable.append(status)
        response.models.extend(model for _, model in sorted(found.items()))
        return response

    async def system_status(
        self, _: gateway_pb2.SystemStatusRequest, exchange: Exchange
    ) -> gateway_pb2.SystemStatusResponse:
        """The health of every address, with how long its answer took."""
        timeout_s = self._within(exchange)

        async def ask(backend: Backend) -> None:
            health = health_pb2_grpc.HealthStub(backend.channel())
            await health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)

        statuses = await asyncio.gather(*(_status(backend, ask) for backend in self._backends))
        return gateway_pb2.SystemStatusResponse(
            services=sorted(statuses, key=lambda each: (each.service, each.address))
        )

    def _within(self, exchange: Exchange) -> float:
        return self._timeout_s if exchange.timeout_s is None else min(self._timeout_s, exchange.timeout_s)


async def _status(backend: Backend, ask: Callable[[Backend], Awaitable[None]]) -> gateway_pb2.ServiceStatus:
    """Whether a service answers a question. The channel asks only replicas that say they serve."""
    started = perf_counter_ns()
    reason = ""
    try:
        await ask(backend)
    except grpc.aio.AioRpcError as error:
        reason = backend.failed(error).message or error.code().name
    return gateway_pb2.ServiceStatus(
        service=backend.service,
        address=backend.address,
        serving=not reason,
        reason=reason,
        elapsed_us=(perf_counter_ns() - started) // 1000,
    )


async def _models(backend: Backend, timeout_s: float) -> list[gateway_pb2.ModelInfo]:
    protocol = service_pb2_grpc.GRPCInferenceServiceStub(backend.channel())
    index = await protocol.RepositoryIndex(service_pb2.RepositoryIndexRequest(), timeout=timeout_s)

    async def describe(entry: service_pb2.RepositoryIndexResponse.ModelIndex) -> gateway_pb2.ModelInfo:
        model = gateway_pb2.ModelInfo(
            service=backend.service,
            name=entry.name,
            version=entry.version,
            ready=entry.state == _READY,
            reason=entry.reason or ("" if entry.state == _READY else f"its state is {entry.state}"),
        )
        if model.ready:
            named = service_pb2.ModelConfigRequest(name=entry.name, version=entry.version)
            config = (await protocol.ModelConfig(named, timeout=timeout_s)).config
            model.task = config.parameters["imago.task"].string_value
            model.licence = config.parameters["imago.licence"].string_value
        return model

    # A model without a state lies in the repository, but this process was not told to load it.
    return await asyncio.gather(*(describe(entry) for entry in index.models if entry.state))
