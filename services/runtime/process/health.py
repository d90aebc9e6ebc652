"""Decides what `grpc.health.v1` answers: which names serve, from the first moment on, and who is told of a change.

The servicer that ships with gRPC starts as SERVING, so a process would be sent calls before its models are warm.
It ignores why a name serves.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

SERVICE_NAME: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class Health:
    """What serves, by name: a full service name, a model's name, or "" for the whole process, which begins as no.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {"": "starting"}  # an empty reason means that the name serves
        self._changed = asyncio.Event()
        self._closed = False

    def set(self, service: str, serving: bool, *, reason: str = "not serving") -> None:
        """Make `service` known and say whether it serves; `reason` explains a no. Without effect after `shut_down`."""
        if not self._closed:
            self._reasons[service] = "" if serving else reason
            self._wake_watchers()

    def serving(self, service: str = "") -> bool:
        """Whether `service` is known and serves."""
        return self._reasons.get(service, "unknown") == ""

    def reasons(self) -> dict[str, str]:
        """Why each name that does not serve does not."""
        return {service: reason for service, reason in self._reasons.items() if reason}

    def shut_down(self, reason: str) -> None:
        """Nothing serves any more, for good: whatever finishes loading from now on cannot bring calls back."""
        self._reasons = dict.fromkeys(self._reasons, reason)
        self._closed = True
        self._wake_watchers()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Answer `grpc.health.v1.Health` on `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    async def Check(  # noqa: N802 - named by the protocol
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> HealthCheckResponse:
        if request.service not in self._reasons:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"health: service '{request.service}' is unknown here")
        return HealthCheckResponse(status=self._status(request.service))

    async def Watch(  # noqa: N802 - named by the protocol
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[HealthCheckResponse]:
        told = None
        while True:
            # Taken before the status is read: a change while the client is told wakes the wait below.
            changed = self._changed
            status = self._status(request.service)
            if status != told:
                yield HealthCheckResponse(status=status)
                told = status
            await changed.wait()

    def _status(self, service: str) -> Any:
        if service not in self._reasons:
            return HealthCheckResponse.SERVICE_UNKNOWN
        return HealthCheckResponse.SERVING if self.serving(service) else HealthCheckResponse.NOT_SERVING

    def _wake_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
