import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import generate_latest

from services.runtime import errors
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.guard import Guard
from tests.services.runtime.process.conftest import Door

Handler = Callable[[Any, Any], Awaitable[Any]]


CALL = "/test.Service/Call"


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
    await door.admission.empty()  # the handler sent its status itself, before its call was over
    assert door.count(StatusCode.FAILED_PRECONDITION) == 1


async def test_a_code_that_the_handler_set_before_returning_is_the_one_recorded(door: Door) -> None:
    async def behaviour(_: Any, context: Any) -> bytes:
        context.set_code(StatusCode.DATA_LOSS)
        return b""

    assert (await failure(door.answer(behaviour))).code() is StatusCode.DATA_LOSS
    assert door.count(StatusCode.DATA_LOSS) == 1


async def test_a_method_that_its_servicer_left_to_the_generated_base_class_is_unimplemented(door: Door) -> None:
    def behaviour(_: Any, context: Any) -> Any:
        context.set_code(StatusCode.UNIMPLEMENTED)
        raise NotImplementedError("Method not implemented!")

    caught = await failure(door.answer(behaviour))
    assert (caught.code(), caught.details()) == (StatusCode.UNIMPLEMENTED, "test.Service/Call is not served here")


async def test_an_unknown_method_is_unimplemented(door: Door) -> None:
    channel = await door.open()
    assert (await failure(channel.unary_unary("/test.Service/Nothing")(b""))).code() is StatusCode.UNIMPLEMENTED


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


async def test_calls_about_the_process_are_no_news_however_they_end(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.runtime.process.calls")
    channel = await door.open()
    assert (await failure(HealthStub(channel).Check(HealthCheckRequest(service="x")))).code() is StatusCode.NOT_FOUND
    door.recorder.finished("/grpc.health.v1.Health/Watch", StatusCode.CANCELLED, 1)
    door.recorder.finished("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", StatusCode.CANCELLED, 1)
    assert [record for record in caplog.records if record.message == "call"] == []
    assert b"Health/Watch" in generate_latest(door.registry)


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

    channel = await serve(
        Guard(Admission(), CallRecorder()), lambda server: server.add_generic_rpc_handlers((Fresh(),))
    )
    assert [await channel.unary_unary("/fresh.Service/Call")(b"") for _ in range(2)] == [b"1", b"2"]


def unreadable(_: bytes) -> Any:
    raise DecodeError("Error parsing message")


async def test_bytes_that_are_no_message_are_the_callers_mistake(door: Door) -> None:
    channel = await door.open(
        Call=grpc.unary_unary_rpc_method_handler(raising(AssertionError("never runs")), unreadable),
        Stream=grpc.stream_stream_rpc_method_handler(echo_stream, unreadable),
    )
    alone = await failure(channel.unary_unary(CALL)(b"\xff"))
    stream = channel.stream_stream("/test.Service/Stream")()
    await stream.write(b"\xff")
    in_stream = await failure(stream.read())
    for caught in (alone, in_stream):
        assert caught.code() is StatusCode.INVALID_ARGUMENT
        assert caught.details() == "the request is malformed: Error parsing message"


async def echo_stream(requests: Any, context: Any) -> None:
    async for request in requests:
        await context.write(request)
