"""Carries a decoupled request's responses from the model's thread to an asynchronous reader, never far ahead of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from threading import Condition

from services.runtime.errors import ImagoError
from services.runtime.model import Tensors

UNREAD_RESPONSES = 8
"""Responses that a model may be ahead of its reader before `send` blocks."""


class ResponseStream:
    """A `model.ResponseSink` for the model's thread, and an iterator for one reader in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: asyncio.Queue[Tensors | ImagoError | None] = asyncio.Queue()
        self._changed = Condition()
        self._unread = 0
        self._cancelled = False
        self._on_cancel: Callable[[], None] | None = None

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def on_cancel(self, callback: Callable[[], None]) -> None:
        with self._changed:
            self._on_cancel = callback
            gone = self._cancelled
        if gone:
            callback()

    def send(self, outputs: Tensors) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._unread < UNREAD_RESPONSES)
            if self._cancelled:
                return
            self._unread += 1
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, outputs)

    def finish(self, error: ImagoError | None = None) -> None:
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, error)

    async def responses(self) -> AsyncIterator[Tensors]:
        """Each response in order; raises the error that the model ended with, if any."""
        while isinstance(item := await self._arrived.get(), dict):
            with self._changed:
                self._unread -= 1
                self._changed.notify_all()
            yield item
        if item is not None:
            raise item

    def cancel(self) -> None:
        """The reader has gone, or needs nothing more: the model learns it at once."""
        with self._changed:
            first, self._cancelled = not self._cancelled, True
            callback = self._on_cancel
            self._changed.notify_all()
        if first and callback is not None:
            callback()
