from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2
from tests.processes import server_process

DetectFaces = Callable[..., detector_pb2.DetectFacesResponse]


@pytest.fixture(scope="session")
def stub() -> Iterator[detector_pb2_grpc.DetectorServiceStub]:
    """A detector process with the models that it came with."""
    with server_process("services.detector") as server, grpc.insecure_channel(server.grpc_address) as channel:
        yield detector_pb2_grpc.DetectorServiceStub(channel)


@pytest.fixture
def detect_faces(stub: detector_pb2_grpc.DetectorServiceStub) -> DetectFaces:
    """Call with an encoded image (or an `Image`) and the fields of the request."""

    def call(image: bytes | image_pb2.Image, **fields: Any) -> detector_pb2.DetectFacesResponse:
        source = image_pb2.Image(encoded=image) if isinstance(image, bytes) else image
        return stub.DetectFaces(detector_pb2.DetectFacesRequest(image=source, **fields), timeout=280)

    return call
