"""Answers imago.v1.GeneratorService: read, make, write."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import grpc

from imago.v1 import generator_pb2, generator_pb2_grpc
from services.generator.catalogue import Catalogue, encode_model
from services.generator.options import read_points, read_walk
from services.generator.pipeline import check_size, make_images, walk_along
from services.runtime.model import Engine
from services.runtime.server import ServiceContext
from services.runtime.typed import Context, TypedCall, image_encoder


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """Makes images with the models of one engine."""

    def __init__(self, engine: Engine, *, most_bytes: int) -> None:
        """`most_bytes`: of one message."""
        self._engine = engine
        self._most_bytes = most_bytes
        self._models = Catalogue(engine)

    async def Generate(  # noqa: N802 - the contract's name
        self, request: generator_pb2.GenerateRequest, context: Context
    ) -> generator_pb2.GenerateResponse:
        call = TypedCall(self._engine, context)
        model = await self._models.find(request.model, request.version)
        points, encode = read_points(request, model), image_encoder(request.output)
        images = await make_images(points, model, encode, call)
        response = generator_pb2.GenerateResponse(images=images, timing=call.timing())
        check_size(response, self._most_bytes)
        return response

    async def Interpolate(  # noqa: N802
        self, request: generator_pb2.InterpolateRequest, context: Context
    ) -> AsyncIterator[generator_pb2.InterpolateResponse]:
        model = await self._models.find(request.model, request.version)
        walk, encode = read_walk(request, model), image_encoder(request.output)
        responses = walk_along(walk, model, encode, lambda: TypedCall(self._engine, context))
        async with aclosing(responses):
            async for response in responses:
                yield response

    async def DescribeModels(  # noqa: N802
        self, request: generator_pb2.DescribeModelsRequest, context: Context
    ) -> generator_pb2.DescribeModelsResponse:
        call = TypedCall(self._engine, context)
        models = await self._models.all(request.model, request.version)
        return generator_pb2.DescribeModelsResponse(models=map(encode_model, models), timing=call.timing())


def register(server: grpc.aio.Server, context: ServiceContext) -> Sequence[str]:
    """Add GeneratorService to a server; returns its full name."""
    servicer = GeneratorServicer(context.engine, most_bytes=context.settings.max_message_mib * 2**20)
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, server)
    return [generator_pb2.DESCRIPTOR.services_by_name["GeneratorService"].full_name]
