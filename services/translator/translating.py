"""Answers Translate: an image goes to the other domain and, where that is asked for, back again."""

import asyncio

from imago.v1 import translator_pb2
from services.runtime.images import DecodedImage, ImageDecoder, Pixels
from services.runtime.typed import EncodeImage, TypedCall, decode_image, image_encoder
from services.translator import pipeline
from services.translator.catalogue import Catalogue
from services.translator.framing import check_least, scaled
from services.translator.networks import Translator
from services.translator.options import keeps_size, read_noise


async def answer_translation(
    request: translator_pb2.TranslateRequest, models: Catalogue, decoder: ImageDecoder, call: TypedCall
) -> translator_pb2.TranslateResponse:
    """The translated image. Raises InvalidInput for what cannot be meant, and as `Engine.infer` does."""
    translator = await models.translator(request.model, request.version, request.direction)
    back = await models.opposite(translator) if request.cycle else None
    original, encode = keeps_size(request.size), image_encoder(request.output)
    noise = read_noise(request, translator)
    image = await _decoded(request, decoder, translator)
    there = await pipeline.translate(image.pixels, translator, noise.values, call)
    response = translator_pb2.TranslateResponse(direction=translator.direction, seed=noise.seed)
    if back is not None:
        again = await pipeline.translate(there, back, read_noise(request, back).values, call)
        response.cycle_error = await asyncio.to_thread(pipeline.mean_difference, image.pixels, again)
        written = await asyncio.to_thread(_written, again, image, original, encode)
        response.cycled.CopyFrom(written.image)
    response.MergeFrom(await asyncio.to_thread(_written, there, image, original, encode))
    response.timing.CopyFrom(call.timing())
    return response


async def _decoded(
    request: translator_pb2.TranslateRequest, decoder: ImageDecoder, translator: Translator
) -> DecodedImage:
    longest_side = translator.frame.tile if translator.shrinks else 0
    image = await decode_image(request.image, decoder, longest_side=longest_side)
    check_least(image, translator.frame.least, translator.name, "image")
    return image


def _written(
    pixels: Pixels, image: DecodedImage, original: bool, encode: EncodeImage
) -> translator_pb2.TranslateResponse:
    """Image and size of an answer."""
    if original:
        pixels = scaled(pixels, image.width, image.height)
    height, width = pixels.shape[:2]
    return translator_pb2.TranslateResponse(image=encode(pixels), width=width, height=height)
