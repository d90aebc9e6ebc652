"""Answers Stylize: a content, what is done to it whoever stylises, and the way through a feed-forward styliser."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imago.v1 import image_pb2, translator_pb2
from services.runtime.errors import InvalidInput
from services.runtime.images import DecodedImage, ImageDecoder, Pixels
from services.runtime.typed import EncodeImage, TypedCall, check_range, decode_image, image_encoder
from services.translator import pipeline
from services.translator.framing import check_least, scaled
from services.translator.networks import Code, Encoder, Network, Stylizer
from services.translator.options import keeps_size, read_longest_side
from services.translator.styles import (
    AskedStyle,
    decode_style,
    read_code,
    read_named,
    read_styles,
    write_code,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What is stylised, and how a stylised image becomes an answer.

    Attributes:
        image: decoded, perhaps reduced.
        strength: how much of the style, 0..1.
        mask: where, (height, width) of the reduced image, white for everywhere; None: everywhere.
        keeps_colour: whether only lightness is stylised.
        keeps_size: whether the answer has the size of the image that was sent.
        encode: how it is written.
    """

    image: DecodedImage
    strength: float
    mask: NDArray[np.uint8] | None
    keeps_colour: bool
    keeps_size: bool
    encode: EncodeImage

    @property
    def pixels(self) -> Pixels:
        return self.image.pixels

    def finished(self, stylized: Pixels) -> Pixels:
        """A stylised image of the content's size, with the content's colours and outside of the mask the content."""
        if self.keeps_colour:
            stylized = pipeline.with_colours_of(self.pixels, stylized)
        return stylized if self.mask is None else pipeline.within(self.mask, self.pixels, stylized)

    def result(self, stylized: Pixels, code: translator_pb2.StyleCode | None) -> translator_pb2.StylizeResult:
        """The last message. Takes long for large images: not for the event loop."""
        pixels = self.finished(stylized)
        if self.keeps_size:
            pixels = scaled(pixels, self.image.width, self.image.height)
        height, width = pixels.shape[:2]
        return translator_pb2.StylizeResult(image=self.encode(pixels), style_code=code, width=width, height=height)

    def preview(self, stylized: Pixels) -> image_pb2.Image:
        """An image on the way, at the size that the model works at."""
        return self.encode(self.finished(stylized))


def read_strength(request: translator_pb2.StylizeRequest) -> float:
    """How much of the style is wanted, 0..1."""
    if not request.HasField("strength"):
        return 1.0
    check_range("strength", request.strength, 0, 1)
    return request.strength


async def read_content(
    request: translator_pb2.StylizeRequest, decoder: ImageDecoder, network: Network, longest_side: int
) -> Content:
    """The content of a request, reduced to `longest_side`.

    Raises:
        InvalidInput: an image or an option at fault, named with its value.
    """
    strength, encode = read_strength(request), image_encoder(request.output)
    original = keeps_size(request.size)
    image = await decode_image(request.image, decoder, longest_side=longest_side)
    check_least(image, network.frame.least, network.name, "image")
    mask = await _mask(request, decoder, image.pixels) if request.HasField("mask") else None
    return Content(image, strength, mask, request.preserve_colour, original, encode)


async def _mask(request: translator_pb2.StylizeRequest, decoder: ImageDecoder, content: Pixels) -> NDArray[np.uint8]:
    height, width = content.shape[:2]
    # Never larger than twice the content, so that a huge mask costs no more than a huge image would.
    decoded = await decode_image(request.mask, decoder, longest_side=2 * max(height, width), field="mask")
    fitted = await asyncio.to_thread(scaled, decoded.pixels, width, height)
    return np.asarray(fitted[..., 1])


@dataclass(frozen=True, slots=True)
class FeedForward:
    """One request to a styliser that answers in one go."""

    stylizer: Stylizer
    encoder: Encoder
    decoder: ImageDecoder
    content: Content
    styles: list[AskedStyle]

    async def run(self, call: TypedCall) -> tuple[Pixels, translator_pb2.StyleCode]:
        """The stylised image of the content's size, and the code of the blended style."""
        works = [self._code(style, call) for style in self.styles]
        works.append(pipeline.encode(self.content.pixels, self.encoder, call))
        async with aclosing(pipeline.in_order(works, len(works))) as codes:
            *given, content = [code async for code in codes]
        shares = [style.share for style in self.styles]
        blend = np.asarray(np.average(given, axis=0, weights=shares), np.float32)
        stylized = await pipeline.stylize(
            self.content.pixels, self.stylizer, content, blend, self.content.strength, call
        )
        return stylized, write_code(blend, self.stylizer)

    async def _code(self, asked: AskedStyle, call: TypedCall) -> Code:
        if isinstance(asked.style, str):
            return read_named(asked.style, self.stylizer, asked.field)
        if isinstance(asked.style, translator_pb2.StyleCode):
            return read_code(asked.style, self.stylizer, asked.field)
        # At the size of a tile: what is a brush stroke is so at any size of the photograph of the painting.
        tile = self.stylizer.frame.tile
        pixels = await decode_style(asked.style, self.decoder, self.encoder, tile, asked.field)
        return await pipeline.encode(pixels, self.encoder, call)


async def read_feed_forward(
    request: translator_pb2.StylizeRequest, stylizer: Stylizer, encoder: Encoder, decoder: ImageDecoder
) -> FeedForward:
    """What a request asks of a styliser that answers in one go. Raises InvalidInput as `read_content` does."""
    if request.HasField("optimisation"):
        raise InvalidInput(
            f"optimisation is set, but model '{stylizer.name}' answers in one go and takes none", field="optimisation"
        )
    styles = read_styles(request)
    longest_side = read_longest_side(request.longest_side, stylizer.longest_side)
    content = await read_content(request, decoder, stylizer, longest_side)
    return FeedForward(stylizer, encoder, decoder, content, styles)


async def answer_once(job: FeedForward, call: TypedCall) -> translator_pb2.StylizeResponse:
    """The one response of a styliser that answers in one go."""
    stylized, code = await job.run(call)
    result = await asyncio.to_thread(job.content.result, stylized, code)
    return translator_pb2.StylizeResponse(result=result, timing=call.timing())
