"""Answers imago.v1.DetectorService: decode, infer, encode."""

from collections.abc import AsyncIterator, Sequence

import grpc

from imago.v1 import detector_pb2, detector_pb2_grpc
from services.detector.faces import FaceFinder, encode_faces
from services.detector.frames import LatestFrames, Messages, read_start
from services.detector.objects import ObjectFinder, encode_objects, read_choice
from services.detector.options import read_options
from services.detector.video import Video, read_start_options
from services.runtime.images import ImageDecoder
from services.runtime.model import Engine
from services.runtime.server import ServiceContext
from services.runtime.typed import Context, TypedCall


class DetectorServicer(detector_pb2_grpc.DetectorServiceServicer):
    """Finds faces and objects with the models of one engine."""

    def __init__(self, engine: Engine, decoder: ImageDecoder) -> None:
        self._engine = engine
        self._faces = FaceFinder(engine, decoder)
        self._objects = ObjectFinder(engine, decoder)

    async def Detect(  # noqa: N802 - the contract's name
        self, request: detector_pb2.DetectRequest, context: Context
    ) -> detector_pb2.DetectResponse:
        call = TypedCall(self._engine, context)
        model = await self._objects.model(request.model, request.version)
        objects, image = await self._objects.find(request.image, model, read_choice(request, model), call)
        return encode_objects(objects, image, model, call)

    async def DetectFaces(  # noqa: N802
        self, request: detector_pb2.DetectFacesRequest, context: Context
    ) -> detector_pb2.DetectFacesResponse:
        call = TypedCall(self._engine, context)
        options = read_options(request)
        faces, image = await self._faces.find(request, options, call)
        crops = await self._faces.crops(request.image, image, faces, options.crops)
        return encode_faces(faces, image, crops, options, call)

    async def DetectStream(  # noqa: N802
        self, messages: Messages, context: Context
    ) -> AsyncIterator[detector_pb2.DetectStreamResponse]:
        if (start := await read_start(messages)) is None:
            return
        model = await self._objects.model(start.model, start.version)
        video = Video(self._objects, model, read_start_options(start, model))
        async with LatestFrames(messages) as frames:
            async for frame in frames:
                response = await video.answer(frame, TypedCall(self._engine, context))
                frames.answered()
                yield response


def register(server: grpc.aio.Server, context: ServiceContext) -> Sequence[str]:
    """Add DetectorService to a server; returns its full name."""
    servicer = DetectorServicer(context.engine, context.decoder)
    detector_pb2_grpc.add_DetectorServiceServicer_to_server(servicer, server)
    return [detector_pb2.DESCRIPTOR.services_by_name["DetectorService"].full_name]
