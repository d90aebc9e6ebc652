"""Shared memory without names: a writer lends segments to one peer and reuses those that the peer has let go of.

A segment is a memfd that both processes map. A reader's arrays keep it: it is free when the last of them is gone. How
segments and news of them travel is `channel.py`'s matter.
"""

import mmap
import os
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.uint8]

_SMALLEST = 256 * 1024
_KEPT_FREE = 4


class SegmentWriter:
    """The segments of one direction, on the side that fills them. Not thread-safe: its channel holds a lock."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._free: list[int] = []
        self._next = 0
        self.retired: list[int] = []
        """Segments that the reader is to forget, until the next message takes the list along."""

    def take(self, size: int) -> tuple[int, Block, int | None]:
        """A free segment of at least `size` bytes: its id, its memory, and its file descriptor when it is a new one."""
        fitting = [number for number in self._free if self._sizes[number] >= size]
        if fitting:
            number = min(fitting, key=self._sizes.__getitem__)
            self._free.remove(number)
            return number, np.frombuffer(self._maps[number], np.uint8), None
        if self._free:
            self._retire(max(self._free, key=self._sizes.__getitem__))
        return self._create(max(_SMALLEST, 1 << (size - 1).bit_length()))

    def give_back(self, numbers: list[int]) -> None:
        """The reader holds nothing of these any more."""
        self._free.extend(numbers)
        while len(self._free) > _KEPT_FREE:
            self._retire(min(self._free, key=self._sizes.__getitem__))

    def _create(self, size: int) -> tuple[int, Block, int]:
        # Rounding up costs addresses only: a page takes memory when it is first written.
        number, self._next = self._next, self._next + 1
        descriptor = os.memfd_create("imago-tensors", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, size)
        self._maps[number] = mmap.mmap(descriptor, size)
        self._sizes[number] = size
        return number, np.frombuffer(self._maps[number], np.uint8), descriptor

    def _retire(self, number: int) -> None:
        self._free.remove(number)
        del self._sizes[number], self._maps[number]
        self.retired.append(number)


class SegmentReader:
    """The peer's segments, on the side that reads them."""

    def __init__(self) -> None:
        self._maps: dict[int, mmap.mmap] = {}
        self._let_go: deque[int] = deque()

    def add(self, number: int, descriptor: int) -> None:
        self._maps[number] = mmap.mmap(descriptor, os.fstat(descriptor).st_size)

    def forget(self, numbers: list[int]) -> None:
        for number in numbers:
            del self._maps[number]

    def borrow(self, number: int) -> Block:
        """The segment's memory. It is let go of when this array and every view of it are gone, in whatever thread."""
        block: NDArray[Any] = np.frombuffer(self._maps[number], np.uint8)
        weakref.finalize(block, self._let_go.append, number).atexit = False
        return block

    def let_go(self) -> list[int]:
        """The segments let go of since the last call."""
        return [self._let_go.popleft() for _ in range(len(self._let_go))]
