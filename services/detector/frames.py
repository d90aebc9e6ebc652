"""The frames of one stream, of which only the newest waits while another one is analysed.

It decides what is dropped and what a well-formed stream is. It ignores what frames show.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from imago.v1 import detector_pb2, image_pb2
from services.runtime.errors import InvalidInput

Messages = AsyncIterator[detector_pb2.DetectStreamRequest]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame to be analysed; `dropped` counts those before it that nobody will see, since the last one that was."""

    index: int
    image: image_pb2.Image
    time_us: int
    dropped: int


async def read_start(messages: Messages) -> detector_pb2.DetectStreamStart | None:
    """The first message of a stream; None for a stream without any.

    Raises:
        InvalidInput: it is not a start.
    """
    first = await anext(messages, None)
    if first is None:
        return None
    if first.WhichOneof("message") != "start":
        raise InvalidInput("start is missing: it must be the stream's first message", field="start")
    return first.start


class LatestFrames:
    """Reads a stream as fast as it comes; iterating gives the newest frame that has come.

    What is wrong with the stream is raised when everything before it has been given. Use it as a context: reading ends
    with it.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._waiting: detector_pb2.VideoFrame | None = None
        self._count = 0
        self._dropped = 0
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read(), name="frames")
        self._reading.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while self._waiting is None and not self._reading.done():
            self._news.clear()
            await self._news.wait()
        if self._waiting is None:
            self._reading.result()
            raise StopAsyncIteration
        frame = Frame(self._count - 1, self._waiting.image, self._waiting.time_us, self._dropped)
        self._waiting, self._dropped = None, 0
        return frame

    async def _read(self) -> None:
        latest_us = 0
        async for message in self._messages:
            frame = _checked(message, self._count, latest_us)
            latest_us = frame.time_us
            self._dropped += self._waiting is not None
            self._waiting = frame
            self._count += 1
            self._news.set()


def _checked(message: detector_pb2.DetectStreamRequest, index: int, latest_us: int) -> detector_pb2.VideoFrame:
    kind = message.WhichOneof("message")
    if kind != "frame":
        what = "a second start" if kind else "neither a start nor a frame"
        raise InvalidInput(f"frame {index}: the message is {what}", field=kind or "frame")
    if message.frame.time_us < latest_us:
        raise InvalidInput(
            f"frame {index}: time_us is {message.frame.time_us}, which is before the last frame's {latest_us}",
            field="frame.time_us",
        )
    return message.frame
