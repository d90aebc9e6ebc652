"""Streams that are open when the door closes: what they sent is answered, then they end, however quiet their client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc.aio import EOF  # type: ignore[attr-defined]  # missing in the stubs alone

from tests.services.runtime.process.conftest import Door

CALL = "/test.Service/Call"
Behaviour = Callable[[Any, Any], Any]


class Gate:
    """Lets a behaviour wait for its test, and a test for its behaviour."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.opened.wait()


async def open_stream(door: Door, behaviour: Behaviour) -> Any:
    channel = await door.open(Call=grpc.stream_stream_rpc_method_handler(behaviour))
    return channel.stream_stream(CALL)()


async def rest_of(stream: Any) -> tuple[list[bytes], StatusCode]:
    """What still comes, and how it ends."""
    messages = []
    with suppress(grpc.aio.AioRpcError):
        while (message := await stream.read()) is not EOF:
            messages.append(message)
    return messages, await stream.code()


async def generate(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request.upper()


async def write(requests: AsyncIterator[bytes], context: Any) -> None:
    async for request in requests:
        await context.write(request.upper())


async def read_and_write(_: Any, context: Any) -> None:
    while (request := await context.read()) is not EOF:
        await context.write(request.upper())


every_kind_of_handler = pytest.mark.parametrize("behaviour", [generate, write, read_and_write])


@every_kind_of_handler
async def test_an_idle_stream_ends_soon_after_the_door_has_closed(door: Door, behaviour: Behaviour) -> None:
    stream = await open_stream(door, behaviour)
    await stream.write(b"a")
    assert await stream.read() == b"A"
    assert door.admission.inside == 1
    door.admission.close()
    await door.admission.empty()
    assert await rest_of(stream) == ([], StatusCode.UNAVAILABLE)
    assert door.count(StatusCode.UNAVAILABLE) == 1


@every_kind_of_handler
async def test_a_stream_that_its_client_ends_in_time_ends_well(door: Door, behaviour: Behaviour) -> None:
    stream = await open_stream(door, behaviour)
    await stream.write(b"a")
    assert await stream.read() == b"A"
    door.admission.close()
    await stream.write(b"b")
    await stream.done_writing()
    assert await rest_of(stream) == ([b"B"], StatusCode.OK)


async def test_messages_that_wait_for_a_busy_handler_are_answered_before_the_end(door: Door) -> None:
    gate = Gate()

    async def behaviour(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            await gate()
            yield request

    stream = await open_stream(door, behaviour)
    sent = [b"%d" % number for number in range(100)]
    for message in sent:
        await stream.write(message)
    await gate.reached.wait()
    door.admission.close()
    # No event tells that the last call is over while the handler looks away, so this waits as long as it lasts.
    await asyncio.sleep(0.2)
    gate.opened.set()
    assert await rest_of(stream) == (sent, StatusCode.UNAVAILABLE)
    await door.admission.empty()


async def test_what_comes_after_the_last_call_is_not_taken_and_the_client_is_told(door: Door) -> None:
    gate, taken = Gate(), []

    async def behaviour(requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"begun")
        taken.extend([request async for request in requests])
        await gate()
        await context.write(b"answer")

    stream = await open_stream(door, behaviour)
    assert await stream.read() == b"begun"
    await stream.write(b"early")
    door.admission.close()
    await gate.reached.wait()
    await stream.write(b"late")
    gate.opened.set()
    assert await rest_of(stream) == ([b"answer"], StatusCode.UNAVAILABLE)
    assert "shutting down" in await stream.details()
    assert taken == [b"early"]


async def test_a_client_that_never_stops_sending_does_not_hold_up_the_end(door: Door) -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    channel = await door.open(Call=grpc.stream_stream_rpc_method_handler(generate))
    stream = channel.stream_stream(CALL)(forever())
    await stream.read()
    door.admission.close()
    await door.admission.empty()
    # What this client says is not told here: it calls it INTERNAL if one of its own writes was the first to fail.
    assert door.count(StatusCode.UNAVAILABLE) == 1
    await rest_of(stream)


async def test_answers_go_on_after_the_requests_have_ended(door: Door) -> None:
    gate = Gate()

    async def behaviour(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        await gate()
        for number in range(100):
            yield b"%d" % number

    stream = await open_stream(door, behaviour)
    await stream.write(b"a")
    assert await stream.read() == b"a"
    door.admission.close()
    await gate.reached.wait()
    assert door.admission.inside == 1
    gate.opened.set()
    assert await rest_of(stream) == ([b"%d" % number for number in range(100)], StatusCode.UNAVAILABLE)


async def test_a_handler_that_wants_no_more_messages_ends_as_it_likes(door: Door) -> None:
    async def behaviour(requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(await anext(aiter(requests)))

    stream = await open_stream(door, behaviour)
    await stream.write(b"a")
    assert await rest_of(stream) == ([b"a"], StatusCode.OK)


async def test_a_single_answer_is_not_given_to_half_a_request(door: Door) -> None:
    gate = Gate()

    async def behaviour(requests: AsyncIterator[bytes], _: Any) -> bytes:
        await gate()
        return b"".join([request async for request in requests])

    channel = await door.open(Call=grpc.stream_unary_rpc_method_handler(behaviour))
    call = channel.stream_unary(CALL)()
    await call.write(b"half")
    await gate.reached.wait()
    gate.opened.set()
    door.admission.close()
    with pytest.raises(grpc.aio.AioRpcError, match="shutting down"):
        await call


async def test_a_message_is_not_lost_to_a_wait_that_was_given_up(door: Door) -> None:
    gate = Gate()

    async def behaviour(requests: Any, context: Any) -> None:
        waiting: asyncio.Future[bytes] = asyncio.ensure_future(anext(requests))
        await asyncio.wait((waiting,), timeout=0)
        waiting.cancel()
        await gate()
        await context.write(await anext(requests))

    stream = await open_stream(door, behaviour)
    await gate.reached.wait()
    await stream.write(b"a")
    gate.opened.set()
    assert await rest_of(stream) == ([b"a"], StatusCode.OK)


async def test_a_stream_that_the_client_leaves_ends_its_handlers_wait(door: Door) -> None:
    gate = Gate()

    async def behaviour(requests: AsyncIterator[bytes], _: Any) -> None:
        gate.reached.set()
        async for _request in requests:
            raise AssertionError("nothing was sent")

    stream = await open_stream(door, behaviour)
    await gate.reached.wait()
    stream.cancel()
    await door.admission.empty()
    assert door.count(StatusCode.CANCELLED) == 1
    door.admission.close()


async def test_no_read_is_left_behind_when_a_stream_was_cut_short(door: Door) -> None:
    stream = await open_stream(door, read_and_write)
    await stream.write(b"a")
    await stream.read()
    (read,) = (task for task in asyncio.all_tasks() if task.get_name() == "next message")
    door.admission.close()
    assert (await rest_of(stream))[1] is StatusCode.UNAVAILABLE
    await asyncio.wait((read,))


async def test_a_message_that_cannot_be_read_fails_the_call(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    def deserialize(_: bytes) -> bytes:
        raise ValueError("not a message")

    handler = grpc.stream_stream_rpc_method_handler(generate, request_deserializer=deserialize)
    channel = await door.open(Call=handler)
    stream = channel.stream_stream(CALL)()
    await stream.write(b"a")
    with pytest.raises(grpc.aio.AioRpcError, match="internal error"):
        await stream.read()
    assert "not a message" in caplog.text
