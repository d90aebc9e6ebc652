"""Answers imago.v1.DetectorService: decode, infer, encode.

Detect and DetectStream come with the models that they need; until then the generated base class says UNIMPLEMENTED.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import grpc
import numpy as np

from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2
from services.detector.options import CropOptions, FaceOptions, in_words_of_the_contract, read_options
from services.detector.pipeline import Faces, choose_faces, cut_faces, in_original
from services.runtime.errors import InvalidInput
from services.runtime.images import DecodedImage, ImageDecoder
from services.runtime.model import Engine
from services.runtime.server import ServiceContext
from services.runtime.typed import Context, TypedCall, decode_image, encode_box, encode_landmarks, resolve_model

DEFAULT_FACE_MODEL = "face_hog"
LANDMARK_MODEL = "face_landmarks"
LANDMARK_SCHEME = "dlib5"
FACE = "face"


class DetectorServicer(detector_pb2_grpc.DetectorServiceServicer):
    """Finds faces with the models of one engine."""

    def __init__(self, engine: Engine, decoder: ImageDecoder) -> None:
        self._engine = engine
        self._decoder = decoder

    async def DetectFaces(  # noqa: N802 - the contract's name
        self, request: detector_pb2.DetectFacesRequest, context: Context
    ) -> detector_pb2.DetectFacesResponse:
        call = TypedCall(self._engine, context)
        options = read_options(request)
        faces, image = await self._find_faces(request, options, call)
        crops = await self._crops(request.image, image, faces, options.crops) if options.crops else []
        return _encode(faces, image, crops, options, call)

    async def _find_faces(
        self, request: detector_pb2.DetectFacesRequest, options: FaceOptions, call: TypedCall
    ) -> tuple[Faces, DecodedImage]:
        """Faces in the upright original, and the image as the model saw it."""
        model = await resolve_model(
            self._engine, request.model or DEFAULT_FACE_MODEL, request.version, "face-detection"
        )
        tensors = options.tensors(model)
        image = await decode_image(request.image, self._decoder, longest_side=options.longest_side_for(model))
        try:
            outputs = await call.infer(model, request.version, tensors | {"IMAGE": image.pixels})
        except InvalidInput as error:
            raise in_words_of_the_contract(error) from None
        faces = choose_faces(outputs, options.least_score(model), largest_only=options.largest_only)
        if options.needs_landmarks:
            faces = await self._with_landmarks(call, faces, image)
        return in_original(faces, image), image

    async def _with_landmarks(self, call: TypedCall, faces: Faces, image: DecodedImage) -> Faces:
        model = await resolve_model(self._engine, LANDMARK_MODEL, "", "face-landmarks")
        if not len(faces):
            return replace(faces, landmarks=np.zeros((0, 5, 2), np.float32))
        outputs = await call.infer(model, "", {"IMAGE": image.pixels, "BOXES": faces.boxes})
        return replace(faces, landmarks=outputs["LANDMARKS"])

    async def _crops(
        self, source: image_pb2.Image, image: DecodedImage, faces: Faces, options: CropOptions
    ) -> list[bytes]:
        if image.scale < 1 and len(faces):  # people want the original's pixels, the detector did not need them
            image = await decode_image(source, self._decoder)
        return await asyncio.to_thread(cut_faces, image.pixels, faces, options)


def _encode(
    faces: Faces, image: DecodedImage, crops: Sequence[bytes], options: FaceOptions, call: TypedCall
) -> detector_pb2.DetectFacesResponse:
    response = detector_pb2.DetectFacesResponse(crops=crops, width=image.width, height=image.height)
    for box, score in zip(faces.boxes, faces.scores, strict=True):
        response.detections.add(box=encode_box(box), label=FACE, score=score)
    if options.landmarks and faces.landmarks is not None:
        for detection, points in zip(response.detections, faces.landmarks, strict=True):
            detection.landmarks.CopyFrom(encode_landmarks(points, LANDMARK_SCHEME))
    response.timing.CopyFrom(call.timing())
    return response


def register(server: grpc.aio.Server, context: ServiceContext) -> Sequence[str]:
    """Add DetectorService to a server; returns its full name."""
    servicer = DetectorServicer(context.engine, context.decoder)
    detector_pb2_grpc.add_DetectorServiceServicer_to_server(servicer, server)
    return [detector_pb2.DESCRIPTOR.services_by_name["DetectorService"].full_name]
