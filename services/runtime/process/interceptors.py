"""Stands between grpc.aio and every handler: turns errors into statuses, counts calls in and out, times them.

It ignores what a call means. Each handler is wrapped once and remembered, so a call pays for the checks alone.
"""

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
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


class _Wrapper(grpc.aio.ServerInterceptor, ABC):  # type: ignore[type-arg]  # generic in the stubs alone
    """An interceptor that wraps the behaviour of handlers, each once for as long as the server keeps it."""

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Any, Any]] = {}

    @abstractmethod
    def wrap(self, method: str, behaviour: Behaviour, handler: Any) -> Behaviour:
        """The behaviour that takes the place of `behaviour`, which is that of `handler`."""

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        if handler is None:  # unknown method; gRPC answers UNIMPLEMENTED
            return None
        known = self._wrapped.get(details.method)
        if known is None or known[0] is not handler:
            known = self._wrapped[details.method] = (handler, self._wrap_handler(details.method, handler))
        return known[1]

    def _wrap_handler(self, method: str, handler: Any) -> Any:
        kinds = (
            (grpc.unary_unary_rpc_method_handler, handler.unary_unary),
            (grpc.unary_stream_rpc_method_handler, handler.unary_stream),
            (grpc.stream_unary_rpc_method_handler, handler.stream_unary),
            (grpc.stream_stream_rpc_method_handler, handler.stream_stream),
        )
        make, behaviour = next((make, behaviour) for make, behaviour in kinds if behaviour)
        wrapped = self.wrap(method, _as_coroutine_function(behaviour), handler)
        return make(wrapped, self.deserializer(handler), handler.response_serializer)

    def deserializer(self, handler: Any) -> Deserializer | None:
        """What reads the requests of `handler`."""
        return handler.request_deserializer  # type: ignore[no-any-return]


def _as_coroutine_function(behaviour: Any) -> Behaviour:
    """An async generator, written out, so that it is closed when its call ends and not when the collector comes."""
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour  # type: ignore[no-any-return]

    async def write_all(request: Any, context: Context) -> None:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return write_all


class ErrorInterceptor(_Wrapper):
    """Answers errors with the status of `process/status.py`, and records every call. Must be the outermost.

    Whatever is not an `ImagoError` is a bug: the client learns only an id, under which the log has the traceback.
    """

    def __init__(self, recorder: CallRecorder | None = None) -> None:
        super().__init__()
        self._recorder = recorder or CallRecorder()

    def deserializer(self, handler: Any) -> Deserializer | None:
        """Bytes that are no message are the client's mistake; gRPC would answer UNKNOWN.

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

    def wrap(self, method: str, behaviour: Behaviour, _: Any) -> Behaviour:
        finished = self._recorder.finished

        async def guarded(request: Any, context: Context) -> Any:
            started = perf_counter_ns()
            try:
                if isinstance(request, InvalidInput):
                    raise request
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


class AdmissionInterceptor(_Wrapper):
    """Lets calls in by `Admission` once their request is complete, and out once their answer is sent.

    To admit any earlier would let a client that uploads slowly hold a place for as long as it likes.
    """

    def __init__(self, admission: Admission) -> None:
        super().__init__()
        self._admission = admission

    def wrap(self, method: str, behaviour: Behaviour, handler: Any) -> Behaviour:
        if method.startswith(ABOUT_THE_PROCESS):  # answered while it drains, and never waited for: a Watch has no end
            return behaviour
        if handler.request_streaming:
            behaviour = self._ended_by_closing(behaviour)
        admission = self._admission

        def left(_: object) -> None:
            admission.leave()

        async def admitted(request: Any, context: Context) -> Any:
            admission.enter()
            # Not a `finally`: the answer is sent, and an aborted handler cleans up, after this function has ended.
            context.add_done_callback(left)  # type: ignore[arg-type]  # a class in the stubs alone
            return await behaviour(request, context)

        return admitted

    def _ended_by_closing(self, behaviour: Behaviour) -> Behaviour:
        """An open stream is inside before its request is complete, so it gets an end when the door closes."""

        async def streamed(_: Any, context: Context) -> Any:
            with Incoming(context, self._admission) as incoming:
                return await behaviour(incoming, cast(Context, StreamContext(context, incoming)))

        return streamed
