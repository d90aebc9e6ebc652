"""Answers DetectFaces: finds faces with one model, their landmarks with another, and cuts them out."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imago.v1 import detector_pb2, image_pb2
from services.detector.options import CropOptions, FaceOptions, in_words_of_the_contract
from services.detector.pipeline import Faces, choose_faces, cut_faces, faces_in_original
from services.runtime.errors import InvalidInput
from services.runtime.images import DecodedImage, ImageDecoder
from services.runtime.model import Engine
from services.runtime.typed import TypedCall, decode_image, encode_box, encode_landmarks, resolve_model

DEFAULT_MODEL = "face_hog"
LANDMARK_MODEL = "face_landmarks"
LANDMARK_SCHEME = "dlib5"
LABEL = "face"


class FaceFinder:
    """Finds faces with the models of one engine."""

    def __init__(self, engine: Engine, decoder: ImageDecoder) -> None:
        self._engine = engine
        self._decoder = decoder

    async def find(
        self, request: detector_pb2.DetectFacesRequest, options: FaceOptions, call: TypedCall
    ) -> tuple[Faces, DecodedImage]:
        """Faces in the upright original, and the image as the model saw it."""
        model = await resolve_model(self._engine, request.model or DEFAULT_MODEL, request.version, "face-detection")
        tensors = options.tensors(model)
        image = await decode_image(request.image, self._decoder, longest_side=options.longest_side_for(model))
        try:
            outputs = await call.infer(model, request.version, tensors | {"IMAGE": image.pixels})
        except InvalidInput as error:
            raise in_words_of_the_contract(error) from None
        faces = choose_faces(outputs, options.least_score(model), largest_only=options.largest_only)
        if options.needs_landmarks:
            faces = await self._with_landmarks(call, faces, image)
        return faces_in_original(faces, image), image

    async def _with_landmarks(self, call: TypedCall, faces: Faces, image: DecodedImage) -> Faces:
        model = await resolve_model(self._engine, LANDMARK_MODEL, "", "face-landmarks")
        if not len(faces):
            return replace(faces, landmarks=np.zeros((0, 5, 2), np.float32))
        outputs = await call.infer(model, "", {"IMAGE": image.pixels, "BOXES": faces.boxes})
        return replace(faces, landmarks=outputs["LANDMARKS"])

    async def crops(
        self, source: image_pb2.Image, image: DecodedImage, faces: Faces, options: CropOptions | None
    ) -> list[bytes]:
        """A JPEG of each face, if they are wanted."""
        if options is None:
            return []
        if image.scale < 1 and len(faces):  # people want the original's pixels, the detector did not need them
            image = await decode_image(source, self._decoder)
        return await asyncio.to_thread(cut_faces, image.pixels, faces, options)


def encode_faces(
    faces: Faces, image: DecodedImage, crops: Sequence[bytes], options: FaceOptions, call: TypedCall
) -> detector_pb2.DetectFacesResponse:
    """The answer; `faces` lie in the upright original."""
    response = detector_pb2.DetectFacesResponse(crops=crops, width=image.width, height=image.height)
    for box, score in zip(faces.boxes, faces.scores, strict=True):
        response.detections.add(box=encode_box(box), label=LABEL, score=score)
    if options.landmarks and faces.landmarks is not None:
        for detection, points in zip(response.detections, faces.landmarks, strict=True):
            detection.landmarks.CopyFrom(encode_landmarks(points, LANDMARK_SCHEME))
    response.timing.CopyFrom(call.timing())
    return response
