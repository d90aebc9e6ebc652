from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2
from tests.processes import ServerProcess, server_process
from tests.services.detector.blobs import LABELS, write_blob_detector

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


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Detectors of blobs: the default one, others without a batch axis, with exclusive labels, with a label too few."""
    root = tmp_path_factory.mktemp("models")
    write_blob_detector(root, "mask_detector")
    write_blob_detector(root, "one_image", max_batch=0)
    write_blob_detector(root, "two_labels", labels=LABELS[:2])
    write_blob_detector(root, "exclusive", exclusive="true")
    return root


@pytest.fixture(scope="session")
def blob_server(repository: Path) -> Iterator[ServerProcess]:
    with server_process("services.detector", f"--model-repository={repository}") as server:
        yield server


@pytest.fixture(scope="session")
def blob_stub(blob_server: ServerProcess) -> Iterator[detector_pb2_grpc.DetectorServiceStub]:
    with grpc.insecure_channel(blob_server.grpc_address) as channel:
        yield detector_pb2_grpc.DetectorServiceStub(channel)


@pytest.fixture
def detect(blob_stub: detector_pb2_grpc.DetectorServiceStub) -> Callable[..., detector_pb2.DetectResponse]:
    """Call Detect with an encoded image (or an `Image`) and the fields of the request."""

    def call(image: bytes | image_pb2.Image, **fields: Any) -> detector_pb2.DetectResponse:
        source = image_pb2.Image(encoded=image) if isinstance(image, bytes) else image
        return blob_stub.Detect(detector_pb2.DetectRequest(image=source, **fields), timeout=30)

    return call
