"""GatewayService on gRPC: three thin methods over the fan-out and the catalogue.

AnalyzeStream is not offered yet; the base class answers UNIMPLEMENTED.
"""

from typing import Any

import grpc

from gateway.analysis import Analysis
from gateway.catalogue import Catalogue
from gateway.door import OwnMethod
from gateway.passthrough import exchange_with
from imago.v1 import gateway_pb2, gateway_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class GatewayServicer(gateway_pb2_grpc.GatewayServiceServicer):
    """The gateway's own RPCs."""

    def __init__(self, analysis: Analysis, catalogue: Catalogue) -> None:
        self._analysis = analysis
        self._catalogue = catalogue

    def own_methods(self) -> dict[str, OwnMethod]:
        """The same RPCs for callers that have no gRPC context, by name."""
        return {
            "Analyze": self._analysis.analyze,
            "ListModels": self._catalogue.list_models,
            "SystemStatus": self._catalogue.system_status,
        }

    async def Analyze(  # noqa: N802 - named by the contract
        self, request: gateway_pb2.AnalyzeRequest, context: Context
    ) -> gateway_pb2.AnalyzeResponse:
        return await self._analysis.analyze(request, exchange_with(context))

    async def ListModels(  # noqa: N802 - named by the contract
        self, request: gateway_pb2.ListModelsRequest, context: Context
    ) -> gateway_pb2.ListModelsResponse:
        return await self._catalogue.list_models(request, exchange_with(context))

    async def SystemStatus(  # noqa: N802 - named by the contract
        self, request: gateway_pb2.SystemStatusRequest, context: Context
    ) -> gateway_pb2.SystemStatusResponse:
        return await self._catalogue.system_status(request, exchange_with(context))
