"""Tensors cross a channel unchanged, in reused memory that no living array loses."""

import os
import socket
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.runtime.backends.python.channel import (
    INLINE_BYTES,
    Channel,
    ChannelClosed,
    deserialize_bytes,
    serialize_bytes,
)
from services.runtime.model import DATATYPES, Tensor

NUMBERS = [dtype for name, dtype in DATATYPES.items() if name != "BYTES"]


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    left, right = (Channel(end) for end in socket.socketpair())
    yield left, right
    left.close()
    right.close()


def carry(sender: Channel, receiver: Channel, *tensors: Tensor) -> list[Tensor]:
    sender.send({"op": "test"}, [(str(number), tensor) for number, tensor in enumerate(tensors)])
    message = receiver.receive()
    assert message.header == {"op": "test"}
    return [tensor for _, tensor in message.tensors]


@given(
    st.lists(
        st.sampled_from(NUMBERS).flatmap(
            lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0))
        )
    )
)
def test_tensors_of_every_type_and_shape_arrive_unchanged(tensors: list[Tensor]) -> None:
    left, right = (Channel(end) for end in socket.socketpair())
    for sent, received in zip(tensors, carry(left, right, *tensors), strict=True):
        assert (received.dtype, received.shape, received.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())
        assert received.flags.writeable
    left.close()
    right.close()


@given(st.lists(st.binary() | st.text()))
def test_bytes_are_serialized_as_triton_does(items: list[bytes | str]) -> None:
    tensor = np.empty(len(items), np.object_)
    tensor[:] = items
    expected = [item if isinstance(item, bytes) else item.encode() for item in items]
    assert deserialize_bytes(serialize_bytes(tensor)).tolist() == expected


def test_large_tensors_reuse_memory_once_nobody_looks_at_it(ends: tuple[Channel, Channel]) -> None:
    large = np.arange(INLINE_BYTES, dtype=np.int64)
    opened = set()
    for _ in range(20):
        (received,) = carry(*ends, large)
        assert np.array_equal(received, large)
        del received
        carry(ends[1], ends[0])  # the news that the memory is free rides on whatever goes back
        opened.add(len(os.listdir("/proc/self/fd")))
    assert len(opened) == 1


def test_an_array_keeps_its_memory_for_as_long_as_it_lives(ends: tuple[Channel, Channel]) -> None:
    kept = []
    for number in range(12):
        (received,) = carry(*ends, np.full(INLINE_BYTES * (1 + number % 3), number, np.uint16))
        kept.append(received[5:9])
        del received
        carry(ends[1], ends[0])
    assert [set(array.tolist()) for array in kept] == [{number} for number in range(12)]
    before = len(os.listdir("/proc/self/fd"))
    kept.clear()
    for _ in range(2):
        carry(ends[1], ends[0])
        carry(*ends)
    assert len(os.listdir("/proc/self/fd")) <= before - 12, "memory that nobody needs is kept"


def test_many_threads_may_send_at_once(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    large = np.zeros(INLINE_BYTES, np.int64)

    def send_twenty(number: int) -> None:
        for _ in range(20):
            left.send({"n": number}, [("X", large + number)])

    threads = [Thread(target=send_twenty, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(80):
        message = right.receive()
        assert (message.tensors[0][1] == message.header["n"]).all()
    for thread in threads:
        thread.join()


def test_both_ends_learn_that_the_other_is_gone(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.close()
    with pytest.raises(ChannelClosed):
        right.receive()
    with pytest.raises(ChannelClosed):
        right.send({"op": "test"}, [("X", np.zeros(INLINE_BYTES))])
    with pytest.raises(ChannelClosed):
        left.send({"op": "test"})


def test_a_view_that_announces_more_than_a_message_holds_is_refused(ends: tuple[Channel, Channel]) -> None:
    sender, receiver = ends
    with pytest.raises(ValueError, match=f"tensors of {4 * 2**40} bytes are too large"):
        sender.send({}, [("x", np.broadcast_to(np.float32(1), (2**40,)))])
    assert [tensor.tolist() for tensor in carry(sender, receiver, np.ones(1))] == [[1.0]]
