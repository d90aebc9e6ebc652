"""Bounds the memory of a process: how many pixels may be worked on at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class PixelRoom:
    """Lets images in as long as they have at most so many pixels together, in the order in which they come.

    In order, so that small images cannot starve a large one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, pixels: int) -> AsyncGenerator[None, None]:
        """Wait for room, and keep it; an image that is larger than all there is gets it all."""
        taken = min(pixels, self._most)
        async with self._turn:
            while self._free < taken:
                self._freed.clear()
                await self._freed.wait()
            self._free -= taken
        try:
            yield
        finally:
            self._free += taken
            self._freed.set()
