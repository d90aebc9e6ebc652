"""Carries messages between the server and a model's process: a JSON header over a socket, and tensors beside it.

Small tensors ride in the socket, large ones in shared memory. What a message means is not known here. Both processes
import this module; the model's one must start fast, so it needs numpy and nothing else.
"""

import array
import json
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.runtime.backends.python.segments import Block, SegmentReader, SegmentWriter

NamedTensor = tuple[str, NDArray[Any]]

INLINE_BYTES = 32 * 1024
"""Tensors of at most this many bytes in all ride in the socket: cheaper than a segment's bookkeeping."""

MOST_BYTES = 2**31 - 1
"""Of the tensors of one message: more than any gRPC message holds. A view can announce more than there is memory."""

_to_json = json.JSONEncoder(separators=(",", ":")).encode
_PREFIX = struct.Struct("<II")  # lengths of the header and of the tensors inline
_LENGTH = struct.Struct("<I")
_ALIGNMENT = 64
_RECEIVE_BYTES = 64 * 1024


class ChannelClosed(Exception):
    """The peer is gone."""


@dataclass(slots=True)
class Message:
    """A header and its tensors, which may be written to and keep their memory for as long as they are referred to."""

    header: dict[str, Any]
    tensors: list[NamedTensor]


class Channel:
    """One end of a connection. Any thread may send; one thread at a time may receive."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._lent = SegmentWriter()
        self._borrowed = SegmentReader()
        self._came_back: deque[int] = deque()
        self._received = bytearray()
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, header: Mapping[str, Any], tensors: Iterable[NamedTensor] = ()) -> None:
        """Send one message; blocks while the peer does not read.

        Raises:
            ChannelClosed: the peer is gone.
            ValueError: the tensors are larger than `MOST_BYTES`; nothing was sent.
        """
        layout, sources, size = _lay_out(tensors)
        if size > MOST_BYTES:
            raise ValueError(f"tensors of {size} bytes are too large for a message, which holds {MOST_BYTES}")
        with self._sending:
            self._lent.give_back([self._came_back.popleft() for _ in range(len(self._came_back))])
            envelope: dict[str, Any] = {**header, "tensors": layout}
            descriptor = None
            inline: bytes | bytearray = b""
            if size > INLINE_BYTES:
                number, block, descriptor = self._lent.take(size)
                envelope["segment"] = [number, descriptor is not None]
                _fill(block, layout, sources)
            elif size:
                inline = bytearray(size)
                _fill(np.frombuffer(inline, np.uint8), layout, sources)
            envelope["let_go"] = self._borrowed.let_go()
            envelope["retired"], self._lent.retired = self._lent.retired, []
            head = _to_json(envelope).encode()
            self._transmit(b"".join((_PREFIX.pack(len(head), len(inline)), head, inline)), descriptor)

    def receive(self) -> Message:
        """The next message; blocks until it is there.

        Raises:
            ChannelClosed: the peer is gone.
        """
        with self._receiving:
            header, inline = self._read()
            # Kept for the next sender: waiting here for its lock would stop the reading that a blocked sender needs.
            self._came_back.extend(header.pop("let_go"))
            self._borrowed.forget(header.pop("retired"))
            block = self._borrow(*header.pop("segment")) if "segment" in header else np.frombuffer(inline, np.uint8)
        return Message(header, [_view(block, *entry) for entry in header.pop("tensors")])

    @property
    def buffered(self) -> bool:
        """Whether a message has begun to arrive, so that `receive` must be called without waiting for the socket."""
        return bool(self._received)

    def shut(self) -> None:
        """Wake whoever sends or receives, with ChannelClosed; any thread may call it."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Shut, wait until nobody sends or receives, and free; views of tensors received stay valid."""
        self.shut()
        with self._sending, self._receiving:
            self._socket.close()
            self._lent, self._borrowed = SegmentWriter(), SegmentReader()
            while self._descriptors:
                os.close(self._descriptors.popleft())

    def _read(self) -> tuple[dict[str, Any], bytearray]:
        self._await(_PREFIX.size)
        head_size, inline_size = _PREFIX.unpack_from(self._received)
        head_end = _PREFIX.size + head_size
        self._await(head_end + inline_size)
        header: dict[str, Any] = json.loads(self._received[_PREFIX.size : head_end])
        inline = self._received[head_end : head_end + inline_size]
        del self._received[: head_end + inline_size]
        return header, inline

    def _borrow(self, number: int, is_new: bool) -> Block:
        if is_new:
            descriptor = self._descriptors.popleft()
            self._borrowed.add(number, descriptor)
            os.close(descriptor)
        return self._borrowed.borrow(number)

    def _transmit(self, data: bytes, descriptor: int | None) -> None:
        rights = [] if descriptor is None else [_rights(descriptor)]
        try:
            sent = self._socket.sendmsg([data], rights)
            if sent < len(data):
                self._socket.sendall(memoryview(data)[sent:])
        except OSError as error:
            raise ChannelClosed from error
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _await(self, size: int) -> None:
        while len(self._received) < size:
            try:
                data, rights, _, _ = self._socket.recvmsg(
                    _RECEIVE_BYTES, socket.CMSG_SPACE(array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
                )
            except OSError as error:
                raise ChannelClosed from error
            if not data:
                raise ChannelClosed
            self._received += data
            for _, _, packed in rights:
                self._descriptors.extend(array.array("i", packed))


def serialize_bytes(tensor: NDArray[Any]) -> bytes:
    """Triton's form of BYTES: each element after its length (4 bytes, little-endian), row-major; text as UTF-8."""
    parts: list[bytes] = []
    for item in tensor.ravel().tolist():
        data = item if isinstance(item, bytes) else str(item).encode()
        parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)


def deserialize_bytes(data: Any) -> NDArray[Any]:
    """The elements of `serialize_bytes`, as a one-dimensional object array of `bytes`. Takes any byte buffer."""
    view, items, offset = memoryview(data), [], 0
    while offset < len(view):
        (length,) = _LENGTH.unpack_from(view, offset)
        offset += _LENGTH.size + length
        items.append(bytes(view[offset - length : offset]))
    tensor = np.empty(len(items), np.object_)
    tensor[:] = items
    return tensor


def _rights(descriptor: int) -> "tuple[int, int, array.array[int]]":
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor])


Layout = list[tuple[str, str, tuple[int, ...], int, int]]
"""Of each tensor: name, numpy's name of the dtype, shape, offset, bytes."""


def _lay_out(tensors: Iterable[NamedTensor]) -> tuple[Layout, list[NDArray[Any]], int]:
    layout: Layout = []
    sources = []
    end = 0
    for name, tensor in tensors:
        is_bytes = tensor.dtype.kind in "OS"
        source = np.frombuffer(serialize_bytes(tensor), np.uint8) if is_bytes else tensor
        offset = -(-end // _ALIGNMENT) * _ALIGNMENT
        layout.append((name, "O" if is_bytes else tensor.dtype.str, tensor.shape, offset, source.nbytes))
        sources.append(source)
        end = offset + source.nbytes
    return layout, sources, end


def _fill(block: Block, layout: Layout, sources: Sequence[NDArray[Any]]) -> None:
    for (_, _, _, offset, size), source in zip(layout, sources, strict=True):
        # A copy between arrays releases the GIL, which a copy between buffers would hold.
        np.copyto(block[offset : offset + size].view(source.dtype).reshape(source.shape), source)


def _view(block: Block, name: str, dtype: str, shape: list[int], offset: int, size: int) -> NamedTensor:
    data = block[offset : offset + size]
    if dtype == "O":
        return name, deserialize_bytes(data).reshape(shape)
    return name, data.view(dtype).reshape(shape)
