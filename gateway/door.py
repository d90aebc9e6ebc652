"""Answers any RPC of any service from its message: the gateway's own here, all others through the proxy.

REST comes in by it, and so shares retries, routing and deadlines with gRPC.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from gateway.methods import GATEWAY, Method
from gateway.passthrough import Exchange, Proxy
from services.runtime.errors import Unsupported

OwnMethod = Callable[[Any, Exchange], Awaitable[Message]]


class Door:
    """One way in for messages."""

    def __init__(self, proxy: Proxy, own: Mapping[str, OwnMethod]) -> None:
        """`own`: the gateway's own unary RPCs by name."""
        self._proxy = proxy
        self._own = own

    async def unary(self, method: Method, request: Message, exchange: Exchange) -> Message:
        """Raises Unsupported or BackendFailed, and what the gateway's own RPCs raise."""
        if method.service == GATEWAY:
            return await self._own_method(method)(request, exchange)
        return method.response.FromString(await self._proxy.unary(method, request.SerializeToString(), exchange))

    async def stream(
        self, method: Method, requests: AsyncIterator[Message], exchange: Exchange
    ) -> AsyncGenerator[Message, None]:
        """Raises as `unary`, and whatever `requests` raises."""
        if method.service == GATEWAY:
            self._own_method(method)
        serialized = (request.SerializeToString() async for request in requests)
        async with aclosing(self._proxy.stream(method, serialized, exchange)) as responses:
            async for response in responses:
                yield method.response.FromString(response)

    def _own_method(self, method: Method) -> OwnMethod:
        own = self._own.get(method.name)
        if own is None:
            raise Unsupported(f"This gateway does not answer {method.service_name}.{method.name}.")
        return own
