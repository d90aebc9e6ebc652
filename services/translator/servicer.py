"""Answers imago.v1.TranslatorService: find the model, read the request, run it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

import grpc
from pydantic import Field

from imago.v1 import translator_pb2, translator_pb2_grpc
from services.runtime.images import ImageDecoder
from services.runtime.model import Engine
from services.runtime.server import ServiceContext, ServiceSettings
from services.runtime.typed import Context, TypedCall, pixels_of
from services.translator.catalogue import Catalogue
from services.translator.dreaming import dream, read_dream
from services.translator.networks import Stylizer
from services.translator.optimising import optimise, read_optimisation
from services.translator.options import check_size
from services.translator.room import PixelRoom
from services.translator.stylising import answer_once, read_feed_forward
from services.translator.translating import answer_translation


class TranslatorSettings(ServiceSettings):
    """What the translator can be told."""

    most_steps: int = Field(default=5000, ge=1)
    """Most steps that one call may ask of a model that works step by step; of a dream, over all its octaves."""


class TranslatorServicer(translator_pb2_grpc.TranslatorServiceServicer):
    """Makes images from images with the models of one engine."""

    def __init__(self, engine: Engine, decoder: ImageDecoder, *, most_bytes: int, most_steps: int) -> None:
        """`most_bytes`: of one message; `most_steps`: of one call."""
        self._engine = engine
        self._decoder = decoder
        self._most_bytes = most_bytes
        self._most_steps = most_steps
        self._models = Catalogue(engine)
        self._room = PixelRoom(decoder.limits.max_pixels)

    async def Translate(  # noqa: N802 - the contract's name
        self, request: translator_pb2.TranslateRequest, context: Context
    ) -> translator_pb2.TranslateResponse:
        call = TypedCall(self._engine, context)
        async with self._room.of(pixels_of(request.image, self._decoder)):
            response = await answer_translation(request, self._models, self._decoder, call)
        check_size(response, self._most_bytes)
        return response

    async def Stylize(  # noqa: N802
        self, request: translator_pb2.StylizeRequest, context: Context
    ) -> AsyncIterator[translator_pb2.StylizeResponse]:
        call = TypedCall(self._engine, context)
        model = await self._models.stylizer(request.model, request.version)
        if not isinstance(model, Stylizer):
            job = await read_optimisation(request, model, self._decoder, self._most_steps)
            async with aclosing(optimise(job, call)) as responses:
                async for response in responses:
                    check_size(response, self._most_bytes)
                    yield response
            return
        encoder = await self._models.encoder(model)
        async with self._room.of(pixels_of(request.image, self._decoder)):
            once = await read_feed_forward(request, model, encoder, self._decoder)
            answer = await answer_once(once, call)
        check_size(answer, self._most_bytes)
        yield answer

    async def Dream(  # noqa: N802
        self, request: translator_pb2.DreamRequest, context: Context
    ) -> AsyncIterator[translator_pb2.DreamResponse]:
        call = TypedCall(self._engine, context)
        model = await self._models.dreamer(request.model, request.version)
        job = await read_dream(request, model, self._decoder, self._most_steps)
        async with aclosing(dream(job, call)) as responses:
            async for response in responses:
                check_size(response, self._most_bytes)
                yield response


def register(server: grpc.aio.Server, context: ServiceContext) -> Sequence[str]:
    """Add TranslatorService to a server; returns its full name."""
    settings = cast(TranslatorSettings, context.settings)
    servicer = TranslatorServicer(
        context.engine,
        context.decoder,
        most_bytes=settings.max_message_mib * 2**20,
        most_steps=settings.most_steps,
    )
    translator_pb2_grpc.add_TranslatorServiceServicer_to_server(servicer, server)
    return [translator_pb2.DESCRIPTOR.services_by_name["TranslatorService"].full_name]
