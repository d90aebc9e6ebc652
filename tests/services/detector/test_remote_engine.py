"""The detector in front of a model server that runs the models: labels come from this machine's label files."""

from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from imago.v1.detector_pb2 import DetectRequest
from imago.v1.detector_pb2_grpc import DetectorServiceStub
from imago.v1.image_pb2 import Image
from tests.processes import ServerProcess, server_process
from tests.services.detector.blobs import LABELS, png, scene, write_blob_detector
from tests.services.detector.refusals import refused

REQUEST = DetectRequest(image=Image(encoded=png(scene(64, 64, **{LABELS[1]: (10, 10, 30, 30)}))))


@pytest.fixture
def front(blob_server: ServerProcess) -> Any:
    """Starts the front with further arguments; a context of its process."""
    arguments = ("--engine=triton", f"--triton-url={blob_server.grpc_address}")

    return partial(server_process, "services.detector", *arguments)


def test_labels_are_read_beside_the_server(front: Any, repository: Path) -> None:
    with front(f"--model-repository={repository}") as server, grpc.insecure_channel(server.grpc_address) as channel:
        response = DetectorServiceStub(channel).Detect(REQUEST, timeout=30)
    assert [(found.label, found.box.x_max) for found in response.detections] == [(LABELS[1], 30)]


def test_without_label_files_the_sentence_says_where_they_belong(front: Any, tmp_path: Path) -> None:
    write_blob_detector(tmp_path, "something_else")
    with front(f"--model-repository={tmp_path}") as server, grpc.insecure_channel(server.grpc_address) as channel:
        code, sentence, _ = refused(lambda: DetectorServiceStub(channel).Detect(REQUEST, timeout=30))
    assert (code, sentence) == (
        "INTERNAL",
        "model 'mask_detector' has 0 labels for the 3 columns of SCORES: no label_filename, "
        "or with --engine triton no --model-repository that holds it",
    )


def test_a_label_file_that_is_missing_is_named(front: Any, tmp_path: Path) -> None:
    (write_blob_detector(tmp_path, "mask_detector") / "labels.txt").unlink()
    with front(f"--model-repository={tmp_path}") as server, grpc.insecure_channel(server.grpc_address) as channel:
        code, sentence, _ = refused(lambda: DetectorServiceStub(channel).Detect(REQUEST, timeout=30))
    assert (code, sentence) == (
        "INTERNAL",
        "model 'mask_detector': output 'SCORES' names label_filename 'labels.txt': No such file or directory",
    )
