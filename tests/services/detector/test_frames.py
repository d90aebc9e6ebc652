"""Which frames of a stream are analysed when they come faster than that, and what ends a stream."""

import asyncio
from typing import Any

import pytest

from imago.v1.detector_pb2 import DetectStreamRequest, DetectStreamStart, VideoFrame
from services.detector.frames import Frame, LatestFrames, read_start
from services.runtime.errors import InvalidInput

START = DetectStreamRequest(start=DetectStreamStart(model="m"))


class Source:
    """A stream that sends what a test tells it to."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[DetectStreamRequest | Exception | None] = asyncio.Queue()
        self.waits = asyncio.Event()

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> DetectStreamRequest:
        if self._messages.empty():
            self.waits.set()
        message = await self._messages.get()
        if message is None:
            raise StopAsyncIteration
        if isinstance(message, Exception):
            raise message
        return message

    def put(self, *messages: DetectStreamRequest | Exception | None) -> None:
        self.waits.clear()
        for message in messages:
            self._messages.put_nowait(message)


@pytest.fixture
def source() -> Source:
    return Source()


def frame(time_us: int = 0) -> DetectStreamRequest:
    return DetectStreamRequest(frame=VideoFrame(time_us=time_us))


def seen(given: Frame) -> tuple[int, int, int]:
    return given.index, given.time_us, given.dropped


async def test_the_first_message_says_what_is_wanted(source: Source) -> None:
    source.put(START, frame())
    start = await read_start(source)
    assert start is not None
    assert start.model == "m"


async def test_a_stream_without_messages_wants_nothing(source: Source) -> None:
    source.put(None)
    assert await read_start(source) is None


@pytest.mark.parametrize("first", [frame(), DetectStreamRequest()])
async def test_a_stream_that_does_not_start_with_a_start_is_refused(source: Source, first: Any) -> None:
    source.put(first)
    with pytest.raises(InvalidInput, match="start is missing: it must be the stream's first message"):
        await read_start(source)


async def test_frames_that_come_slowly_are_all_given(source: Source) -> None:
    async with LatestFrames(source) as frames:
        for index in range(3):
            source.put(frame(10 * index))
            assert seen(await anext(frames)) == (index, 10 * index, 0)


async def test_while_one_is_analysed_the_newest_waits_and_the_others_are_counted(source: Source) -> None:
    async with LatestFrames(source) as frames:
        source.put(frame(0))
        assert seen(await anext(frames)) == (0, 0, 0)
        source.put(frame(1), frame(2), frame(3))
        await source.waits.wait()
        assert seen(await anext(frames)) == (3, 3, 2)
        source.put(frame(3))
        assert seen(await anext(frames)) == (4, 3, 0)


async def test_while_an_answer_is_on_its_way_two_may_wait(source: Source) -> None:
    """Else who sends the next frame on getting an answer would lose one: it may come before the write has ended."""
    async with LatestFrames(source) as frames:
        source.put(frame(0))
        await anext(frames)
        source.put(frame(1))
        await source.waits.wait()
        frames.answered()
        source.put(frame(2))
        await source.waits.wait()
        assert [seen(await anext(frames)) for _ in range(2)] == [(1, 1, 0), (2, 2, 0)]


async def test_what_waits_when_the_client_ends_the_stream_is_still_given(source: Source) -> None:
    source.put(frame(0), frame(1), None)
    async with LatestFrames(source) as frames:
        assert [seen(given) async for given in frames] == [(0, 0, 0), (1, 1, 0)]


@pytest.mark.parametrize(
    ("wrong", "sentence", "field"),
    [
        (frame(4), "frame 1: time_us is 4, which is before the last frame's 5", "frame.time_us"),
        (START, "frame 1: the message is a second start", "start"),
        (DetectStreamRequest(), "frame 1: the message is neither a start nor a frame", "frame"),
    ],
)
async def test_what_is_wrong_is_told_after_what_came_before_it(
    source: Source, wrong: DetectStreamRequest, sentence: str, field: str
) -> None:
    source.put(frame(5), wrong, frame(6))
    async with LatestFrames(source) as frames:
        assert seen(await anext(frames)) == (0, 5, 0)
        with pytest.raises(InvalidInput) as caught:
            await anext(frames)
    assert (str(caught.value), caught.value.field) == (sentence, field)


async def test_reading_ends_with_its_context_whatever_the_stream_does(source: Source) -> None:
    async with LatestFrames(source) as frames:
        source.put(frame(), ValueError("the connection broke"))
        await anext(frames)
    async with LatestFrames(Source()):
        pass
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "frames"] == []
