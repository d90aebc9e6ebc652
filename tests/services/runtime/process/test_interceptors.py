import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import CollectorRegistry

from services.runtime import errors
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.health import Health
from services.runtime.process.interceptors import AdmissionInterceptor, ErrorInterceptor

Handler = Callable[[Any, Any], Awaitable[Any]]


class Door:
    """A server with our interceptors, what they count, and calls of one method of each kind."""

    def __init__(self, serve: Any) -> None:
        self._serve = serve
        self.admission = Admission()
        self.registry = CollectorRegistry()
        self.recorder = CallRecorder()
        self.registry.register(self.recorder)
        self.health = Health()

    async def open(self, **handlers: Any) -> Any:
        interceptors = (ErrorInterceptor(self.recorder), AdmissionInterceptor(self.admission))
        return await self._serve(interceptors, self.health.add_to, **handlers)

    async def answer(self, behaviour: Handler) -> Any:
        """Call a unary method that behaves like this, and await its answer."""
        return await (await self.open(Call=grpc.unary_unary_rpc_method_handler(behaviour))).unary_unary(CALL)(b"")

    def count(self, code: StatusCode) -> float:
        labels = {
            "rpc_system_name": "grpc",
            "rpc_method": "test.Service/Call",
            "rpc_response_status_code": code.name,
        }
        return self.registry.get_sample_value("rpc_server_call_duration_seconds_count", labels) or 0


CALL = "/test.Service/Call"


@pytest.fixture
def door(serve: Any) -> Door:
    return Door(serve)


async def failure(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def raising(error: BaseException) -> Handler:
    async def behaviour(_: Any, __: Any) -> Any:
        raise error

    return behaviour


def trailers_of(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    trailers: Any = error.trailing_metadata()
    return dict(trailers)


def details_of(error: grpc.aio.AioRpcError) -> Status:
    return Status.FromString(trailers_of(error)["grpc-status-details-bin"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("image has 0 bytes"), StatusCode.INVALID_ARGUMENT),
        (errors.NotFound("model 'x' is not here"), StatusCode.NOT_FOUND),
        (errors.Unsupported("model 'x' does not stream"), StatusCode.UNIMPLEMENTED),
        (errors.Overloaded("8 requests already wait"), StatusCode.RESOURCE_EXHAUSTED),
        (errors.DeadlineExpired("the deadline is over"), StatusCode.DEADLINE_EXCEEDED),
        (errors.QueueTimeout("waited for 5 ms"), StatusCode.DEADLINE_EXCEEDED),
        (errors.Cancelled("the caller went away"), StatusCode.CANCELLED),
        (errors.Unavailable("instance x_0 crashed"), StatusCode.UNAVAILABLE),
        (errors.ModelFailed("model 'x' gave nonsense"), StatusCode.INTERNAL),
    ],
)
async def test_each_of_our_errors_reaches_the_client_as_its_code_and_sentence(
    door: Door, error: errors.ImagoError, code: StatusCode
) -> None:
    caught = await failure(door.answer(raising(error)))
    assert (caught.code(), caught.details()) == (code, str(error))
    assert door.count(code) == 1


async def test_a_wrong_field_is_named_in_the_details(door: Door) -> None:
    caught = await failure(door.answer(raising(errors.InvalidInput("image has 0 bytes", field="image"))))
    violations = BadRequest()
    assert details_of(caught).details[0].Unpack(violations)
    assert violations.field_violations[0].field == "image"
    assert details_of(caught).message == caught.details()


async def test_overload_carries_retry_info_and_pushback(door: Door) -> None:
    caught = await failure(door.answer(raising(errors.Overloaded("full", retry_after_s=1.5))))
    retry = RetryInfo()
    assert details_of(caught).details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert trailers_of(caught)["grpc-retry-pushback-ms"] == "1500"


async def test_trailers_that_the_handler_set_travel_beside_the_details(door: Door) -> None:
    async def behaviour(_: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-mine", "1"),))
        raise errors.InvalidInput("no", field="image")

    trailers = trailers_of(await failure(door.answer(behaviour)))
    assert trailers["x-mine"] == "1"
    assert "grpc-status-details-bin" in trailers


async def test_a_sentence_of_a_megabyte_still_arrives_as_its_own_error(door: Door) -> None:
    caught = await failure(door.answer(raising(errors.InvalidInput("\U0001f600" * 1_000_000, field="image"))))
    assert caught.code() is StatusCode.INVALID_ARGUMENT


async def test_a_bug_is_an_id_for_the_client_and_a_traceback_under_that_id_for_the_operator(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caught = await failure(door.answer(raising(ValueError("secret path /etc"))))
    assert caught.code() is StatusCode.INTERNAL
    text = str(caught.details())
    incident = text.removeprefix("internal error ")
    assert len(incident) == 8
    assert "secret" not in text
    (record,) = [record for record in caplog.records if record.message == "internal error"]
    assert vars(record)["incident"] == incident
    assert record.exc_info
    assert str(record.exc_info[1]) == "secret path /etc"


async def test_a_status_that_the_handler_chose_itself_passes_unchanged(door: Door) -> None:
    async def behaviour(_: Any, context: Any) -> Any:
        await context.abort(StatusCode.FAILED_PRECONDITION, "first do that", (("x-mine", "1"),))

    caught = await failure(door.answer(behaviour))
    assert (caught.code(), caught.details()) == (StatusCode.FAILED_PRECONDITION, "first do that")
    assert trailers_of(caught)["x-mine"] == "1"
    assert door.count(StatusCode.FAILED_PRECONDITION) == 1


async def test_a_code_that_the_handler_set_before_returning_is_the_one_recorded(door: Door) -> None:
    async def behaviour(_: Any, context: Any) -> bytes:
        context.set_code(StatusCode.DATA_LOSS)
        return b""

    assert (await failure(door.answer(behaviour))).code() is StatusCode.DATA_LOSS
    assert door.count(StatusCode.DATA_LOSS) == 1


async def test_an_unknown_method_is_unimplemented(door: Door) -> None:
    channel = await door.open()
    assert (await failure(channel.unary_unary("/test.Service/Nothing")(b""))).code() is StatusCode.UNIMPLEMENTED


class Held:
    """A unary behaviour that waits to be cancelled, cleans up slowly, and says how far it got."""

    def __init__(self) -> None:
        self.entered, self.cancelled, self.may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Any, __: Any) -> None:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
            await self.may_end.wait()


async def test_a_call_that_the_client_cancelled_is_inside_until_its_handler_has_cleaned_up(door: Door) -> None:
    held = Held()
    channel = await door.open(Call=grpc.unary_unary_rpc_method_handler(held))
    call = channel.unary_unary(CALL)(b"")
    await held.entered.wait()
    call.cancel()
    await held.cancelled.wait()
    assert door.admission.inside == 1
    held.may_end.set()
    await door.admission.empty()
    assert door.count(StatusCode.CANCELLED) == 1


async def test_a_call_whose_deadline_passes_is_recorded_as_such(door: Door) -> None:
    held = Held()
    held.may_end.set()
    channel = await door.open(Call=grpc.unary_unary_rpc_method_handler(held))
    caught = await failure(channel.unary_unary(CALL)(b"", timeout=0.1))
    assert caught.code() is StatusCode.DEADLINE_EXCEEDED
    await door.admission.empty()
    assert door.count(StatusCode.DEADLINE_EXCEEDED) == 1


async def test_an_async_generator_streams_and_its_late_error_arrives_after_its_messages(door: Door) -> None:
    async def behaviour(request: bytes, _: Any) -> AsyncIterator[bytes]:
        yield request
        yield request
        raise errors.NotFound("no third one")

    channel = await door.open(Call=grpc.unary_stream_rpc_method_handler(behaviour))
    stream = channel.unary_stream(CALL)(b"x")
    assert [await stream.read(), await stream.read()] == [b"x", b"x"]
    caught = await failure(stream.read())
    assert (caught.code(), caught.details()) == (StatusCode.NOT_FOUND, "no third one")
    await door.admission.empty()


async def test_a_handler_that_writes_its_stream_itself_is_served_too(door: Door) -> None:
    async def behaviour(requests: AsyncIterator[bytes], context: Any) -> None:
        async for request in requests:
            await context.write(request.upper())

    channel = await door.open(Call=grpc.stream_stream_rpc_method_handler(behaviour))
    stream = channel.stream_stream(CALL)(iter((b"a", b"b")))
    assert [message async for message in stream] == [b"A", b"B"]
    assert door.count(StatusCode.OK) == 1


async def test_a_stream_of_requests_gets_one_answer(door: Door) -> None:
    async def behaviour(requests: AsyncIterator[bytes], _: Any) -> bytes:
        return b"".join([request async for request in requests])

    channel = await door.open(Call=grpc.stream_unary_rpc_method_handler(behaviour))
    assert await channel.stream_unary(CALL)(iter((b"a", b"b"))) == b"ab"


async def test_a_stream_that_the_client_leaves_is_closed_before_the_call_counts_as_over(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    closed = []

    async def behaviour(_: Any, __: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            closed.append(True)

    channel = await door.open(Call=grpc.unary_stream_rpc_method_handler(behaviour))
    stream = channel.unary_stream(CALL)(b"")
    await stream.read()
    stream.cancel()
    await door.admission.empty()
    assert closed == [True]
    assert door.count(StatusCode.CANCELLED) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_while_draining_new_calls_are_refused_those_inside_finish_and_health_answers(door: Door) -> None:
    entered, may_end = asyncio.Event(), asyncio.Event()

    async def behaviour(request: bytes, _: Any) -> bytes:
        entered.set()
        await may_end.wait()
        return request

    channel = await door.open(Call=grpc.unary_unary_rpc_method_handler(behaviour))
    inside = channel.unary_unary(CALL)(b"x")
    await entered.wait()
    door.admission.close()
    refused = await failure(channel.unary_unary(CALL)(b"y"))
    assert refused.code() is StatusCode.UNAVAILABLE
    assert "shutting down" in str(refused.details())
    await HealthStub(channel).Check(HealthCheckRequest())
    assert door.admission.inside == 1
    may_end.set()
    assert await inside == b"x"
    await door.admission.empty()


async def test_health_calls_are_never_inside(door: Door) -> None:
    channel = await door.open()
    watch = HealthStub(channel).Watch(HealthCheckRequest())
    await watch.read()
    assert door.admission.inside == 0
    watch.cancel()


async def test_calls_that_fail_are_logged_at_info_and_those_that_succeed_at_debug_without_payload(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "services.runtime.process.calls")

    async def behaviour(request: bytes, _: Any) -> bytes:
        if request == b"bad":
            raise errors.InvalidInput("image has 0 bytes")
        return request

    channel = await door.open(Call=grpc.unary_unary_rpc_method_handler(behaviour))
    await channel.unary_unary(CALL)(b"payload")
    await failure(channel.unary_unary(CALL)(b"bad"))
    fine, failed = [vars(record) for record in caplog.records if record.message == "call"]
    assert (fine["levelname"], fine["method"], fine["code"]) == ("DEBUG", "test.Service/Call", "OK")
    assert (failed["levelname"], failed["code"], failed["error"]) == ("INFO", "INVALID_ARGUMENT", "image has 0 bytes")
    assert failed["peer"].startswith("ipv4:127.0.0.1:")
    assert "payload" not in str(fine)


async def test_a_server_whose_handler_for_a_method_changes_calls_the_new_one(serve: Any) -> None:
    class Fresh(grpc.GenericRpcHandler):  # type: ignore[type-arg]
        calls = 0

        def service(self, handler_call_details: Any) -> Any:
            if handler_call_details.method != "/fresh.Service/Call":
                return None
            self.calls += 1
            answer = str(self.calls).encode()

            async def behaviour(_: Any, __: Any) -> bytes:
                return answer

            return grpc.unary_unary_rpc_method_handler(behaviour)

    channel = await serve((ErrorInterceptor(),), lambda server: server.add_generic_rpc_handlers((Fresh(),)))
    assert [await channel.unary_unary("/fresh.Service/Call")(b"") for _ in range(2)] == [b"1", b"2"]
