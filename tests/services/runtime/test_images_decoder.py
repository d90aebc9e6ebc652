"""The decoder's threads: what runs beside what, what waits, and what is refused."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from services.runtime import images
from services.runtime.errors import InvalidInput, Overloaded
from services.runtime.image_files import ImageFile
from services.runtime.images import DecodedImage, ImageDecoder, ImageLimits, encode_jpeg, encode_png
from tests.imagezoo.zoo import picture

SMALL, LARGE = encode_png(picture(10, 10)), encode_png(picture(10, 80))
LIMITS = ImageLimits(max_pixels=1000)


class Gate:
    """Stands before the pixels are decoded: lets images through only once opened, and remembers who was inside."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.pixels: list[int] = []
        self.most_pixels = 0
        self._arrived = threading.Condition()
        self._decode = images._decode_file
        monkeypatch.setattr(images, "_decode_file", self._hold)

    def _hold(self, image: ImageFile, data: bytes, longest_side: int, *, exact: bool) -> DecodedImage:
        with self._arrived:
            self.pixels.append(image.width * image.height)
            self.most_pixels = max(self.most_pixels, sum(self.pixels))
            self._arrived.notify_all()
        assert self.opened.wait(10)
        decoded = self._decode(image, data, longest_side, exact=exact)
        with self._arrived:
            self.pixels.remove(image.width * image.height)
        return decoded

    async def inside(self, count: int) -> None:
        """Until `count` images are being decoded."""
        await asyncio.to_thread(self._wait_for, count)

    def _wait_for(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.pixels) >= count, 10)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
async def decoder() -> AsyncIterator[ImageDecoder]:
    decoder = ImageDecoder(LIMITS, threads=3, max_waiting=2)
    yield decoder
    decoder.close()


async def test_the_event_loop_goes_on_while_images_are_decoded_side_by_side(decoder: ImageDecoder, gate: Gate) -> None:
    calls = [asyncio.ensure_future(decoder.decode(SMALL)) for _ in range(3)]
    await gate.inside(3)
    gate.opened.set()
    assert [(image.width, image.height) for image in await asyncio.gather(*calls)] == [(10, 10)] * 3


async def test_large_images_are_decoded_one_after_another(decoder: ImageDecoder, gate: Gate) -> None:
    calls = [asyncio.ensure_future(decoder.decode(LARGE)) for _ in range(3)]
    await gate.inside(1)
    gate.opened.set()
    await asyncio.gather(*calls)
    assert gate.most_pixels == 800


async def test_an_image_too_many_is_refused_at_once(decoder: ImageDecoder, gate: Gate) -> None:
    calls = [asyncio.ensure_future(decoder.decode(SMALL)) for _ in range(5)]
    await gate.inside(3)
    with pytest.raises(Overloaded, match="2 images wait to be decoded; no more are accepted"):
        await decoder.decode(SMALL)
    gate.opened.set()
    await asyncio.gather(*calls)
    assert (await decoder.decode(SMALL)).width == 10


async def test_a_cancelled_image_that_waits_is_never_decoded(decoder: ImageDecoder, gate: Gate) -> None:
    calls = [asyncio.ensure_future(decoder.decode(LARGE if place == 3 else SMALL)) for place in range(4)]
    await gate.inside(3)
    calls[3].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[3]
    gate.opened.set()
    assert len(await asyncio.gather(*calls[:3])) == 3
    await decoder.decode(SMALL)
    assert gate.most_pixels == 300


async def test_a_refused_image_leaves_its_room_to_others(decoder: ImageDecoder) -> None:
    damaged = LARGE[:60] + bytes(40) + LARGE[100:]
    for _ in range(3):
        with pytest.raises(InvalidInput, match="damaged PNG"):
            await decoder.decode(damaged)
    assert (await decoder.decode(LARGE, longest_side=8)).pixels.shape == (8, 1, 3)


async def test_an_image_is_prepared_in_the_thread_that_decoded_it(decoder: ImageDecoder) -> None:
    def prepare(image: DecodedImage) -> tuple[str, tuple[int, ...]]:
        return threading.current_thread().name, image.pixels.shape

    name, shape = await decoder.decode_then(SMALL, prepare, least_side=4)
    assert name.startswith("decode")
    assert shape == (10, 10, 3)  # nothing is resized


@pytest.mark.parametrize(("least_side", "side"), [(33, 64), (32, 32), (9, 16), (8, 8), (2, 8)])
async def test_a_jpeg_is_prepared_at_the_smallest_fraction_that_is_large_enough(least_side: int, side: int) -> None:
    decoder = ImageDecoder(ImageLimits(), threads=1)
    shape = await decoder.decode_then(
        encode_jpeg(picture(64, 64)), lambda image: image.pixels.shape, least_side=least_side
    )
    decoder.close()
    assert shape == (side, side, 3)
