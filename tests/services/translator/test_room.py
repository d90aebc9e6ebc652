"""How many pixels are worked on at once, and who comes first."""

import asyncio

import pytest

from services.translator.room import PixelRoom


class Visitors:
    """Come in one after the other, and stay until they are told to go."""

    def __init__(self, room: PixelRoom) -> None:
        self.room = room
        self.inside: list[int] = []

    async def visit(self, pixels: int, leave: asyncio.Event) -> None:
        async with self.room.of(pixels):
            self.inside.append(pixels)
            await leave.wait()
            self.inside.remove(pixels)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_large_image_waits_for_room_and_small_ones_behind_it_wait_in_turn() -> None:
    visitors, leave = Visitors(PixelRoom(100)), [asyncio.Event() for _ in range(4)]
    tasks = [
        asyncio.create_task(visitors.visit(pixels, event)) for pixels, event in zip((60, 30, 70, 5), leave, strict=True)
    ]
    await settle()
    assert visitors.inside == [60, 30]
    leave[1].set()
    await settle()
    assert visitors.inside == [60], "70 is next, and has no room yet"
    leave[0].set()
    await settle()
    assert visitors.inside == [70, 5]
    leave[2].set()
    leave[3].set()
    await asyncio.gather(*tasks)


async def test_an_image_larger_than_the_room_gets_it_all() -> None:
    visitors, leave = Visitors(PixelRoom(100)), asyncio.Event()
    tasks = [asyncio.create_task(visitors.visit(pixels, leave)) for pixels in (1000, 1)]
    await settle()
    assert visitors.inside == [1000]
    leave.set()
    await asyncio.gather(*tasks)


async def test_who_leaves_while_waiting_holds_up_nobody() -> None:
    visitors, leave = Visitors(PixelRoom(100)), asyncio.Event()
    first = asyncio.create_task(visitors.visit(60, leave))
    await settle()
    large = asyncio.create_task(visitors.visit(70, leave))
    await settle()
    small = asyncio.create_task(visitors.visit(10, leave))
    await settle()
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    await settle()
    assert visitors.inside == [60, 10]
    leave.set()
    await asyncio.gather(first, small)
