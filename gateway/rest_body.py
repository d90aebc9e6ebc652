"""Reads what a REST caller sends, within bounds, and notices when the caller goes away.

It knows HTTP bodies; what the bytes mean is decided by `rest_request.py`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import Receive

from gateway.problems import HttpProblem

_MIB = 1 << 20
_DISCARD_BYTES = 64 * _MIB
_DISCARD_S = 5.0


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What one caller may send."""

    max_bytes: int
    """A whole body, or one line of a stream."""
    timeout_s: float
    """How long a whole body may take, or the next part of a stream, which may last."""

    def too_large(self) -> HttpProblem:
        return HttpProblem(413, f"The body, or one line of it, is larger than {self.max_bytes / _MIB:g} MiB.")


class ClientGone(Exception):
    """The caller closed the connection: nobody is left to be answered."""


class Body:
    """The only reader of one request's `receive`."""

    def __init__(self, receive: Receive, limits: BodyLimits) -> None:
        self._receive = receive
        self.limits = limits
        self._ended = asyncio.Event()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises ClientGone, and HttpProblem 408 when its next part is too long in coming."""
        while not self._ended.is_set():
            async with self.in_time():
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if not message.get("more_body", False):
                self._ended.set()
            yield message.get("body", b"")

    async def bounded_chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises HttpProblem 413 when it grows beyond the limit."""
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > self.limits.max_bytes:
                raise self.limits.too_large()
            yield chunk

    async def whole(self) -> bytes:
        """The whole body. Raises HttpProblem 413 when it grows beyond the limit."""
        return b"".join([chunk async for chunk in self.bounded_chunks()])

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Around reading a body or its next part. Raises HttpProblem 408 when that takes too long."""
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                yield
        except TimeoutError:
            sentence = f"The body, or its next part, did not arrive within {self.limits.timeout_s:g} s."
            raise HttpProblem(408, sentence) from None

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of a body that may never end, without empty ones. Raises HttpProblem 413 for a line too long."""
        pending = bytearray()
        async for chunk in self.chunks():
            pending += chunk
            *complete, rest = pending.split(b"\n") if b"\n" in chunk else (pending,)
            for line in complete:
                if line.strip():
                    yield bytes(line)
            pending = rest
            if len(pending) > self.limits.max_bytes:
                raise self.limits.too_large()
        if pending.strip():
            yield bytes(pending)

    async def discard(self) -> None:
        """Reads on for a moment, so that a caller who is still sending gets to see the answer instead of a reset."""
        size = 0
        try:
            async with asyncio.timeout(_DISCARD_S):
                async for chunk in self.chunks():
                    size += len(chunk)
                    if size > _DISCARD_BYTES:
                        return
        except TimeoutError:
            return

    async def while_client_stays(self, work: Coroutine[None, None, None]) -> None:
        """Runs `work`, and cancels it as soon as the caller goes away."""
        working, leaving = asyncio.create_task(work), asyncio.create_task(self._leaving())
        try:
            await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, leaving):
                task.cancel()
            results = await asyncio.gather(working, leaving, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _leaving(self) -> None:
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
