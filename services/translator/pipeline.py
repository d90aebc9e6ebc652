"""Sends images through networks that answer in one go: whole or in tiles, never more of them at once than batches need.

What a network makes of an image has the image's size; nothing here knows a message.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from services.runtime.images import Pixels
from services.runtime.typed import TypedCall
from services.translator.framing import padded, reduced, scaled
from services.translator.networks import Code, Encoder, Network, Stylizer, Translator
from services.translator.tiling import Grid, Mosaic, plan_grid

T = TypeVar("T")
Ask = Callable[[Pixels], Awaitable[Pixels]]
"""What a network makes of tiles (n, height, width, 3), in the same shape."""

_PIECES_IN_FLIGHT = 8
"""Requests of one image that wait or are computed. At a quarter of a batch each they keep two batches full."""


async def in_order(works: Iterable[Coroutine[Any, Any, T]], most: int) -> AsyncGenerator[T, None]:
    """The results of all, in order, with at most so many under way; when one fails, or the reader leaves, all end."""
    running: deque[asyncio.Task[T]] = deque()
    try:
        for work in works:
            running.append(asyncio.create_task(work))
            if len(running) == most:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def over_tiles(pixels: Pixels, network: Network, ask: Ask) -> Pixels:
    """The image (height, width, 3) after the network, at the same size. Raises what `ask` raises."""
    height, width = pixels.shape[:2]
    whole = await _whole(pixels, network)
    grid = _grid(whole, network, network.frame.overlap)
    if len(grid) == 1:
        return (await ask(whole[np.newaxis]))[0, :height, :width]

    async def piece(numbers: range) -> Pixels:
        return await ask(grid.cut(whole, numbers))

    mosaic = Mosaic(grid, height, width)
    works = (piece(numbers) for numbers in grid.pieces(network.most_rows))
    async with aclosing(in_order(works, _PIECES_IN_FLIGHT)) as pieces:
        async for tiles in pieces:
            await asyncio.to_thread(mosaic.add, tiles)
    return mosaic.pixels


async def _whole(pixels: Pixels, network: Network) -> Pixels:
    """The image with sides that the network takes; a large one is copied where it holds up nobody."""
    if max(pixels.shape[:2]) <= network.frame.tile:
        return padded(pixels, network.frame.multiple)
    return await asyncio.to_thread(padded, pixels, network.frame.multiple)


def _grid(whole: Pixels, network: Network, overlap: int) -> Grid:
    height, width = whole.shape[:2]
    return plan_grid(height, width, tile=network.frame.tile, overlap=overlap, multiple=network.frame.multiple)


async def translate(pixels: Pixels, translator: Translator, noise: NDArray[np.float32], call: TypedCall) -> Pixels:
    """The image in the other domain, at the same size; `noise` has as many numbers as the translator draws."""

    async def ask(tiles: Pixels) -> Pixels:
        rows = {"IMAGE": tiles} | ({"NOISE": np.tile(noise, (len(tiles), 1))} if translator.noise else {})
        outputs = await call.infer(translator.config, translator.version, translator.tensors(rows))
        return np.asarray(translator.output(outputs, "TRANSLATED", tiles.shape), np.uint8)

    if not translator.shrinks:
        return await over_tiles(pixels, translator, ask)
    small = await asyncio.to_thread(reduced, pixels, translator.frame.tile)
    answer = await over_tiles(small, translator, ask)
    return await asyncio.to_thread(scaled, answer, pixels.shape[1], pixels.shape[0])


async def encode(pixels: Pixels, encoder: Encoder, call: TypedCall) -> Code:
    """The statistics of an image of any size: those of its tiles, pooled."""
    whole = await _whole(pixels, encoder)
    grid = _grid(whole, encoder, 0)

    async def piece(numbers: range) -> Code:
        outputs = await call.infer(
            encoder.config, encoder.version, encoder.tensors({"IMAGE": grid.cut(whole, numbers)})
        )
        return np.asarray(encoder.output(outputs, "STATISTICS", (len(numbers), encoder.values)), np.float32)

    works = (piece(numbers) for numbers in grid.pieces(encoder.most_rows))
    async with aclosing(in_order(works, _PIECES_IN_FLIGHT)) as codes:
        return pooled(np.concatenate([code async for code in codes]))


def pooled(codes: NDArray[np.float32]) -> Code:
    """The means and deviations (2 C,) of everything, from those of parts of one size (parts, 2 C).

    The mean of squares is the variance plus the square of the mean, and means of equal parts may be averaged.
    """
    means, deviations = np.split(codes.astype(np.float64), 2, axis=1)
    mean = means.mean(axis=0)
    variance = (deviations**2 + means**2).mean(axis=0) - mean**2
    return np.concatenate([mean, np.sqrt(np.maximum(variance, 0))]).astype(np.float32)


async def stylize(
    pixels: Pixels, stylizer: Stylizer, content: Code, style: Code, strength: float, call: TypedCall
) -> Pixels:
    """The content with so much of the style, at the same size; `content` are the statistics of `pixels`.

    What the network loses of a content although no style is asked for, is given back in proportion: so strength 0 is
    the content as it is, and between 0 and 1 nothing jumps.
    """

    async def ask_for(tiles: Pixels, much: float) -> Pixels:
        rows = {"IMAGE": tiles} | {
            name: np.tile(np.asarray(values, np.float32), (len(tiles), 1))
            for name, values in (("CONTENT", content), ("STYLE", style), ("STRENGTH", [much]))
        }
        outputs = await call.infer(stylizer.config, stylizer.version, stylizer.tensors(rows))
        return np.asarray(stylizer.output(outputs, "STYLIZED", tiles.shape), np.uint8)

    async def ask(tiles: Pixels) -> Pixels:
        if strength == 1:
            return await ask_for(tiles, 1)
        stylized, plain = await asyncio.gather(ask_for(tiles, strength), ask_for(tiles, 0))
        return await asyncio.to_thread(with_what_was_lost, stylized, tiles, plain, strength)

    return pixels if strength == 0 else await over_tiles(pixels, stylizer, ask)


def with_what_was_lost(stylized: Pixels, content: Pixels, plain: Pixels, strength: float) -> Pixels:
    """The stylised tiles, and of what `plain`, the content without any style, lacks of the content the rest."""
    lost = (content.astype(np.float32) - plain) * np.float32(1 - strength)
    return np.clip(stylized + lost + np.float32(0.5), 0, 255).astype(np.uint8)


def mean_difference(first: Pixels, second: Pixels) -> float:
    """The mean absolute difference of two images of one size, as a share of the range."""
    return float(cv2.norm(first, second, cv2.NORM_L1)) / (255 * first.size)


def with_colours_of(content: Pixels, stylized: Pixels) -> Pixels:
    """The stylised lightness with the content's colours, as Gatys et al. 2017 (section 4) transfer luminance alone.

    What is added to the content is the difference of the two lumas, the same for each channel: the differences between
    channels, which are its colours, stay what they were.
    """
    luma = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.int16) for image in (stylized, content))
    difference = next(luma) - next(luma)
    return np.clip(content + difference[..., np.newaxis], 0, 255).astype(np.uint8)


def within(mask: NDArray[np.uint8], content: Pixels, stylized: Pixels) -> Pixels:
    """The stylised image where the mask (height, width) is white, the content where it is black."""
    cover = mask[..., np.newaxis].astype(np.uint16)
    return ((stylized * cover + content * (255 - cover) + 127) // 255).astype(np.uint8)
