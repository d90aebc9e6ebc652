"""Stands between grpc.aio and every handler: turns errors into statuses, counts calls in and out, times them.

It ignores what a call means. Handlers are wrapped where they are registered, so a call pays for the checks alone.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from time import perf_counter_ns
from typing import Any, cast
from uuid import uuid4

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import BaseError, InternalError, UsageError

from services.runtime.errors import ImagoError, InvalidInput, ModelFailed
from services.runtime.process.admission import Admission
from services.runtime.process.calls import ABOUT_THE_PROCESS, CallRecorder
from services.runtime.process.incoming import Incoming, StreamContext
from services.runtime.process.status import code_of, status_of, trailers_of

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Awaitable[Any]]
"""What answers a call: gets the request (or an iterator of them), returns the response (or writes them)."""

Deserializer = Callable[[bytes], Any]


class Guard:
    """Wraps the handlers of a server: errors become statuses of `process/status.py`, calls are admitted and recorded.

    Whatever is not an `ImagoError` is a bug: the client learns only an id, under which the log has the traceback.
    Calls are let in by `Admission` once their request is complete, and out once their answer is sent: to admit any
    earlier would let a client that uploads slowly hold a place for as long as it likes.
    """

    def __init__(self, admission: Admission, recorder: CallRecorder) -> None:
        self._admission = admission
        self._recorder = recorder

    def wrap(self, method: str, handler: Any) -> Any:
        """The handler of "/package.Service/Method" with everything around it."""
        kinds = (
            (grpc.unary_unary_rpc_method_handler, handler.unary_unary),
            (grpc.unary_stream_rpc_method_handler, handler.unary_stream),
            (grpc.stream_unary_rpc_method_handler, handler.stream_unary),
            (grpc.stream_stream_rpc_method_handler, handler.stream_stream),
        )
        make, behaviour = next((make, behaviour) for make, behaviour in kinds if behaviour)
        behaviour = _as_coroutine_function(behaviour)
        # Calls about the process are answered while it drains, and never waited for: a Watch has no end.
        admission = None if method.startswith(ABOUT_THE_PROCESS) else self._admission
        if admission and handler.request_streaming:
            behaviour = _ended_by_closing(behaviour, admission)
        guarded = self._guarded(method, behaviour, admission)
        return make(guarded, _deserializer(handler), handler.response_serializer)

    def _guarded(self, method: str, behaviour: Behaviour, admission: Admission | None) -> Behaviour:
        finished = self._recorder.finished

        async def guarded(request: Any, context: Context) -> Any:
            started = perf_counter_ns()
            try:
                if isinstance(request, InvalidInput):
                    raise request
                if admission:
                    admission.enter()
                    # Not a `finally`: the answer is sent, and an aborted handler cleans up, after this function ended.
                    context.add_done_callback(admission.left)  # type: ignore[arg-type]  # a class in the stubs alone
                response = await behaviour(request, context)
            except BaseException as error:
                code, text = _diagnose(method, context, error)
                finished(method, code, perf_counter_ns() - started, peer=context.peer(), error=text)
                if isinstance(error, InternalError):
                    # A write to a client that has left; gRPC would log it as an error with a traceback.
                    raise asyncio.CancelledError from error
                if not isinstance(error, Exception) or _is_grpcs_own(error):
                    raise
                await context.abort(code, text, _trailers(context, error))
            finished(method, context.code() or StatusCode.OK, perf_counter_ns() - started)
            return response

        return guarded


class GuardedServer(grpc.aio.Server):
    """A grpc.aio server whose every handler is guarded. It has no interceptors: they cost a tenth of a call."""

    def __init__(self, guard: Guard, options: Sequence[tuple[str, Any]] = ()) -> None:
        self._server = grpc.aio.server(options=options)
        self._guard = guard

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        self._server.add_generic_rpc_handlers([_Guarded(handlers, self._guard) for handlers in generic_rpc_handlers])

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Handlers known by name, which gRPC finds before generic ones."""
        wrap = self._guard.wrap
        guarded = {name: wrap(f"/{service_name}/{name}", handler) for name, handler in method_handlers.items()}
        self._server.add_registered_method_handlers(service_name, guarded)  # type: ignore[attr-defined]

    def add_insecure_port(self, address: str) -> int:
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._server.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace: float | None = None) -> None:
        await self._server.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        return await self._server.wait_for_termination(timeout)


class _Guarded(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Generic handlers, each wrapped once for as long as it stays the same."""

    def __init__(self, handlers: Any, guard: Guard) -> None:
        self._handlers = handlers
        self._guard = guard
        self._wrapped: dict[str, tuple[Any, Any]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = self._handlers.service(handler_call_details)
        if handler is None:  # another may know the method; else gRPC answers UNIMPLEMENTED
            return None
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = self._wrapped[method] = (handler, self._guard.wrap(method, handler))
        return known[1]


def _as_coroutine_function(behaviour: Any) -> Behaviour:
    """An async generator, written out, so that it is closed when its call ends and not when the collector comes."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour  # type: ignore[no-any-return]

    async def write_all(request: Any, context: Context) -> None:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return write_all


def _deserializer(handler: Any) -> Deserializer | None:
    """What reads the requests of `handler`. Bytes that are no message are the client's mistake; gRPC says UNKNOWN.

    What gRPC reads before a handler runs it cannot pass on as an exception, so there the exception is the request.
    """
    deserialize = handler.request_deserializer
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError as error:
            malformed = InvalidInput(f"the request is malformed: {error}")
            if handler.request_streaming:
                raise malformed from None
            return malformed

    return read


def _diagnose(method: str, context: Context, error: BaseException) -> tuple[StatusCode, str]:
    """Code and sentence for the client; what an operator must repair is logged here."""
    if isinstance(error, ImagoError):
        if isinstance(error, ModelFailed):
            log.error("model failed", extra={"method": method[1:], "error": str(error)})
        return code_of(error), status_of(error).message
    if isinstance(error, asyncio.CancelledError):
        expired = context.time_remaining() == 0
        return (StatusCode.DEADLINE_EXCEEDED, "") if expired else (StatusCode.CANCELLED, "")
    if _is_grpcs_own(error):
        return context.code() or StatusCode.CANCELLED, context.details() or ""
    if isinstance(error, NotImplementedError) and context.code() is StatusCode.UNIMPLEMENTED:  # a generated base class
        return StatusCode.UNIMPLEMENTED, f"{method[1:]} is not served here"
    incident = uuid4().hex[:8]
    log.error("internal error", exc_info=error, extra={"method": method[1:], "incident": incident})
    return StatusCode.INTERNAL, f"internal error {incident}"


def _is_grpcs_own(error: BaseException) -> bool:
    """Whether gRPC raised it to end the call: the handler aborted, the client is gone, the server has stopped."""
    return isinstance(error, BaseError) and not isinstance(error, UsageError)


def _trailers(context: Context, error: BaseException) -> Any:
    already = tuple(context.trailing_metadata() or ())
    return already + trailers_of(error) if isinstance(error, ImagoError) else already


def _ended_by_closing(behaviour: Behaviour, admission: Admission) -> Behaviour:
    """An open stream is inside before its request is complete, so it gets an end when the door closes."""

    async def streamed(_: Any, context: Context) -> Any:
        with Incoming(context, admission) as incoming:
            return await behaviour(incoming, cast(Context, StreamContext(context, incoming)))

    return streamed
