"""Puts the gateway together: addresses, the two doors, and when it is ready."""

from collections.abc import Sequence

import grpc
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.routing import BaseRoute

from gateway.analysis import Analysis
from gateway.catalogue import Catalogue
from gateway.door import Door
from gateway.methods import GATEWAY, service_names
from gateway.passthrough import Proxy, pass_through
from gateway.routes import response_to, routes
from gateway.servicer import GatewayServicer
from gateway.settings import GatewaySettings
from gateway.watch import Watch
from imago.v1 import gateway_pb2_grpc
from services.runtime.errors import Unavailable
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Application


class GatewayApplication(Application):
    """The gateway as `process/lifecycle.py` runs it."""

    name = GATEWAY

    def __init__(self, settings: GatewaySettings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._registry = registry
        self._backends = settings.backends()
        self._proxy = Proxy(self._backends, unary_timeout_s=settings.unary_timeout_s)
        catalogue = Catalogue(self._backends, timeout_s=settings.health_timeout_s)
        self._servicer = GatewayServicer(Analysis(self._proxy), catalogue)
        self._watch: Watch | None = None

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """The gateway's own service, and every other one under its own name; only offered ones are announced."""
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(self._servicer, server)
        server.add_generic_rpc_handlers(pass_through(self._proxy))
        return [
            name for service, name in service_names().items() if service == GATEWAY or self._backends.offers(service)
        ]

    def routes(self) -> Sequence[BaseRoute]:
        return routes(Door(self._proxy, self._servicer.own_methods()), self._settings, self._registry)

    def refusal(self, error: Unavailable) -> Response:
        """As every failure of REST."""
        return response_to(error)

    async def start(self, health: Health) -> None:
        """Ready once every configured service is; until then calls are answered as far as they can be."""
        self._watch = Watch(self._backends, health)
        await self._watch.all_serve()

    async def drain(self) -> None:
        """Nothing here outlives a call."""

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()
        await self._backends.close()
