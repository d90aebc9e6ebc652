import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from services.runtime import errors
from tests.services.runtime.process.conftest import Door

CALL = "/test.Service/Call"


async def failure(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


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
