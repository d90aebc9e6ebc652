"""Carries one RPC from a caller to the service that answers it, message by message, without decoding any.

Metadata, deadline, cancellation, trailers and status details cross unchanged both ways. What is in a message is not
its business, but for the model's name, which decides the address.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from gateway.backends import Backend, Backends
from gateway.failures import RETRY_PUSHBACK, BackendFailed
from gateway.methods import GATEWAY, Method, all_methods

Metadata = Sequence[tuple[str, str | bytes]]

_SHARE_PASSED_ON = 0.98
_OWN_TO_EACH_HOP = ("grpc-", ":", "user-agent", "content-type", "te")
_CROSSES_NEVERTHELESS = ("grpc-trace-bin", "grpc-tags-bin", "grpc-status-details-bin", RETRY_PUSHBACK)


@dataclass(slots=True)
class Exchange:
    """What travels beside the messages of one RPC."""

    metadata: Metadata = ()
    timeout_s: float | None = None
    """Time that the caller still grants; None: as long as it takes."""
    initial_metadata: Metadata = ()
    """Filled in when the answer begins."""
    trailing_metadata: Metadata = ()
    """Filled in when the answer has ended."""


class Proxy:
    """Calls the services. The same object serves the gRPC door, REST and the fan-out."""

    def __init__(self, backends: Backends, *, unary_timeout_s: float) -> None:
        """`unary_timeout_s`: deadline of a unary call whose caller set none; streams may last."""
        self._backends = backends
        self._unary_timeout_s = unary_timeout_s

    async def unary(self, method: Method, request: bytes, exchange: Exchange) -> bytes:
        """One message for one. Raises Unsupported or BackendFailed."""
        backend = self._backend_for(method, request)
        channel = backend.channel(retry=method.may_retry(request))
        call = channel.unary_unary(method.path, None, None)(
            request,
            timeout=self._unary_timeout_s if exchange.timeout_s is None else _passed_on(exchange.timeout_s),
            metadata=_crossing(exchange.metadata),
        )
        try:
            response: bytes = await call
            exchange.initial_metadata = _crossing(await call.initial_metadata())
            exchange.trailing_metadata = _crossing(await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            raise backend.failed(error) from error
        finally:
            call.cancel()  # an abandoned call is never ended by the library
        return response

    async def stream(
        self, method: Method, requests: AsyncIterator[bytes], exchange: Exchange
    ) -> AsyncGenerator[bytes, None]:
        """Any number of messages for any number; the first one decides the address.

        Raises Unsupported, BackendFailed, and whatever `requests` raises.
        """
        first = await anext(requests, None)
        backend = self._backend_for(method, first or b"")
        channel = backend.channel(retry=method.may_retry(first or b""))
        call = channel.stream_stream(method.path, None, None)(
            None, timeout=_passed_on(exchange.timeout_s), metadata=_crossing(exchange.metadata)
        )
        pump = asyncio.create_task(_pump(call, first, requests))
        try:
            async for response in call:
                if not exchange.initial_metadata:
                    exchange.initial_metadata = _crossing(await call.initial_metadata())
                yield response
            exchange.trailing_metadata = _crossing(await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            raise backend.failed(error) from error
        except asyncio.CancelledError:
            _raise_what_ended(pump)
            raise
        finally:
            call.cancel()
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    def _backend_for(self, method: Method, request: bytes) -> Backend:
        if not self._backends.routes_by_model(method.service):
            return self._backends.find(method.service)
        return self._backends.find(method.service, method.model_of(request), method.key)


def pass_through(proxy: Proxy) -> list[Any]:
    """Handlers that answer the RPCs of all other services under their own names."""
    handlers: dict[str, dict[str, Any]] = {}
    for method in all_methods():
        if method.service != GATEWAY:
            handlers.setdefault(method.service_name, {})[method.name] = _handler(proxy, method)
    return [grpc.method_handlers_generic_handler(service, methods) for service, methods in handlers.items()]


def _handler(proxy: Proxy, method: Method) -> Any:
    async def unary(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        exchange = exchange_with(context)
        try:
            response = await proxy.unary(method, request, exchange)
        except BackendFailed as failure:
            await context.abort(failure.code, failure.message, _crossing(failure.trailing_metadata))
        if exchange.initial_metadata:
            await context.send_initial_metadata(exchange.initial_metadata)
        context.set_trailing_metadata(exchange.trailing_metadata)
        return response

    async def stream(
        requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        exchange = exchange_with(context)
        begun = False
        try:
            async with aclosing(proxy.stream(method, requests, exchange)) as responses:
                async for response in responses:
                    if not begun and exchange.initial_metadata:
                        await context.send_initial_metadata(exchange.initial_metadata)
                    begun = True
                    yield response
        except BackendFailed as failure:
            await context.abort(failure.code, failure.message, _crossing(failure.trailing_metadata))
        context.set_trailing_metadata(exchange.trailing_metadata)

    # On the wire every kind of RPC is a stream of messages each way, so one handler serves the three that stream.
    if method.streaming:
        return grpc.stream_stream_rpc_method_handler(stream)
    return grpc.unary_unary_rpc_method_handler(unary)


async def _pump(
    call: grpc.aio.StreamStreamCall[bytes, bytes], first: bytes | None, requests: AsyncIterator[bytes]
) -> None:
    """Sends the caller's messages one at a time. A caller that fails ends the call, which then reports this task."""
    try:
        if first is not None:
            await call.write(first)
            async for request in requests:
                await call.write(request)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # the service has ended the call: whoever reads the answers learns why
    except BaseException:
        call.cancel()
        raise


def _raise_what_ended(pump: asyncio.Task[None]) -> None:
    """Raises the caller's own failure when that is why the call was cancelled."""
    if pump.done() and not pump.cancelled() and (failure := pump.exception()):
        raise failure


def exchange_with(context: grpc.aio.ServicerContext[Any, Any]) -> Exchange:
    return Exchange(metadata=tuple(context.invocation_metadata() or ()), timeout_s=context.time_remaining())


def _passed_on(timeout_s: float | None) -> float | None:
    """Leaves time for the way back, and makes up for gRPC, which rounds a timeout up when it sends it."""
    return None if timeout_s is None else timeout_s * _SHARE_PASSED_ON


def _crossing(metadata: Any) -> Metadata:
    """What is meant for the other end, without what belongs to one connection."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if key in _CROSSES_NEVERTHELESS or not key.startswith(_OWN_TO_EACH_HOP)
    )
