"""Decides which messages of a streaming request are accepted: all that arrive until shortly after the door closes.

A handler that waits for the next message of a quiet client would otherwise hold up the end of its process for as long
as the client likes. It ignores what the messages mean.
"""

import asyncio
from collections import deque
from typing import Any, Self

import grpc
from grpc.aio import EOF  # type: ignore[attr-defined]  # missing in the stubs alone

from services.runtime.errors import Unavailable
from services.runtime.process.admission import Admission

Context = grpc.aio.ServicerContext[Any, Any]

LAST_CALL_S = 0.1
"""From the door's closing to the end of every stream whose client has not ended it.

Messages that have reached this machine are read within it, however busy their handler is. What can pile up is what
one event loop reads in this time, from all streams together.
"""


class Incoming:
    """The messages of one streaming request, for `async for` as well as for `read`, while its handler runs.

    Nothing is read before the handler asks for it, until the door closes. A message is never lost to a cancelled wait.
    Belongs to one event loop.
    """

    def __init__(self, context: Context, admission: Admission) -> None:
        self._context = context
        self._admission = admission
        self._accepted: deque[Any] = deque()
        self._reading: asyncio.Task[Any] | None = None
        self._news = asyncio.Event()
        self._last_call = False
        self._ended = False
        self._error: BaseException | None = None
        self._cut = False
        self._missed_the_rest = False

    def __enter__(self) -> Self:
        self._admission.tell(self._hear_last_call)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """The handler has ended.

        Raises:
            Unavailable: it did its part, but wanted more than the client could still send. The client must hear it:
                an end that looks as usual makes clients wait for answers to what they send next.
        """
        self._admission.forget(self._hear_last_call)
        self._ended = True
        if self._missed_the_rest and not error:
            raise Unavailable(
                "this server is shutting down: it answered what it had taken of this stream; another replica takes more"
            )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        message = await self.read()
        if message is EOF:
            raise StopAsyncIteration
        return message

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF` when the client sends no more or the last call is over."""
        while not self._accepted and not self._ended:
            self._keep_reading()
            self._news.clear()
            await self._news.wait()
        if self._accepted:
            return self._accepted.popleft()
        if self._error:
            raise self._error
        self._missed_the_rest = self._cut
        return EOF

    def _hear_last_call(self) -> None:
        """Accept what arrives within `LAST_CALL_S`, whether or not the handler asks for it yet."""
        if not self._ended:
            self._last_call = True
            self._keep_reading()
            asyncio.get_running_loop().call_later(LAST_CALL_S, self._cut_off)

    def _keep_reading(self) -> None:
        # gRPC cannot take back a read: one that is under way at the end goes on, unheard, until the call is over.
        if self._reading is None:
            self._reading = asyncio.create_task(self._context.read(), name="next message")
            self._reading.add_done_callback(self._read)

    def _read(self, reading: asyncio.Task[Any]) -> None:
        self._reading = None
        error = None if reading.cancelled() else reading.exception()
        if self._ended:
            return
        if error or reading.cancelled() or (message := reading.result()) is EOF:
            self._end(error)
            return
        self._accepted.append(message)
        self._news.set()
        if self._last_call:
            self._keep_reading()

    def _cut_off(self) -> None:
        if not self._ended:
            self._cut = True
            self._end()

    def _end(self, error: BaseException | None = None) -> None:
        self._ended, self._error = True, error
        self._news.set()


class StreamContext:
    """The context of a call whose messages come from `incoming`, also for a handler that calls `context.read`."""

    def __init__(self, context: Context, incoming: Incoming) -> None:
        self._context = context
        self.read = incoming.read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
