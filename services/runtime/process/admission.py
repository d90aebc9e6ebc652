"""Decides whether new work may enter, and knows when all that entered has left.

gRPC's own graceful stop forgets handlers whose call was aborted, and its limiter refuses health checks and can be
starved by slow uploads. So work is counted here, from the moment its request is complete until its answer is sent.
"""

import asyncio
from collections.abc import Callable

from services.runtime.errors import Unavailable


class Admission:
    """The door of a process: open, then closed for good. Belongs to one event loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._to_tell: set[Callable[[], None]] = set()

    @property
    def inside(self) -> int:
        """Calls that were admitted and are not finished."""
        return self._inside

    def enter(self) -> None:
        """Count one call in; its caller must `leave` exactly once.

        Raises:
            Unavailable: the door is closed.
        """
        if self._closed:
            raise Unavailable("this server is shutting down and takes no new calls; another replica will")
        self._inside += 1
        self._empty.clear()

    def leave(self) -> None:
        """Count one admitted call out."""
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    def left(self, _: object) -> None:
        """`leave`, as a callback of a call that is over."""
        self.leave()

    def tell(self, closing: Callable[[], None]) -> None:
        """Call `closing` when the door closes, unless its caller, who is inside, says `forget` before."""
        self._to_tell.add(closing)

    def forget(self, closing: Callable[[], None]) -> None:
        """The end of `tell`."""
        self._to_tell.discard(closing)

    def close(self) -> None:
        """Refuse everybody from now on."""
        self._closed = True
        for closing in self._to_tell:
            closing()

    async def empty(self) -> None:
        """Wait until everybody who was admitted has left."""
        await self._empty.wait()
