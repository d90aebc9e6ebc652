"""The frames of one stream, of which only the newest waits while another one is analysed.

While an answer is on its way two may wait: its reader may have sent the next frame before it is written to its end.

It decides what is dropped and what a well-formed stream is. It ignores what frames show.
"""

import asyncio
from collections import deque
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
    """Reads a stream as fast as it comes; iterating gives the frames that were not dropped, in order.

    Whoever keeps two frames unanswered at most loses none, as long as `answered` is called before each answer is sent.
    What is wrong with the stream is raised when everything before it has been given. Use it as a context: reading ends
    with it.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._waiting: deque[tuple[int, detector_pb2.VideoFrame]] = deque()
        self._analysing = False
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
        while not self._waiting and not self._reading.done():
            self._news.clear()
            await self._news.wait()
        if not self._waiting:
            self._reading.result()
            raise StopAsyncIteration
        index, message = self._waiting.popleft()
        frame = Frame(index, message.image, message.time_us, self._dropped)
        self._analysing, self._dropped = True, 0
        return frame

    def answered(self) -> None:
        """The last frame given is analysed, and its answer is about to be sent."""
        self._analysing = False

    async def _read(self) -> None:
        latest_us = index = 0
        async for message in self._messages:
            frame = _checked(message, index, latest_us)
            latest_us = frame.time_us
            self._waiting.append((index, frame))
            self._drop()
            self._news.set()
            index += 1

    def _drop(self) -> None:
        while len(self._waiting) > (1 if self._analysing else 2):
            self._waiting.popleft()
            self._dropped += 1


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
