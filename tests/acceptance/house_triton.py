"""Our model folders, untouched, in the real Triton: the same tensors as from our runtime, and the same typed boxes.

Triton's wheel here carries only the Python backend, so ONNX folders cannot be run there; they must parse strictly as
Triton's ModelConfig, which is checked for every folder of the project.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import tritonclient.grpc as triton
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2
from tests.acceptance.figures import Figures
from tests.acceptance.triton_server import real_triton
from tests.photographs import astronaut, bus, pixels, zidane
from tests.processes import ROOT, server_process

FACE_MODELS = ROOT / "services" / "face_models"
COMPARED = ("face_hog", "face_haar", "face_landmarks")
TYPED = ("face_hog", "face_haar")


def triton_agrees(figures: Figures) -> None:
    with ExitStack() as stack:
        repository = Path(stack.enter_context(TemporaryDirectory()))
        for name in COMPARED:
            (repository / name).symlink_to(FACE_MODELS / name)
        theirs = stack.enter_context(real_triton(repository))
        loads = [f"--load-model={name}" for name in COMPARED]
        ours = stack.enter_context(server_process("services.detector", *loads))
        fronted = stack.enter_context(server_process("services.detector", "--engine=triton", f"--triton-url={theirs}"))
        _compare_tensors(figures, ours.grpc_address, theirs)
        _compare_boxes(figures, ours.grpc_address, fronted.grpc_address)


def configurations(figures: Figures) -> None:
    files = sorted((ROOT / "services").glob("**/config.pbtxt"))
    for file in files:
        text_format.Parse(file.read_text(), model_config_pb2.ModelConfig())  # unknown fields raise
    figures.at_least("config.pbtxt files that parse strictly as Triton's", len(files), 4)


def _compare_tensors(figures: Figures, ours: str, theirs: str) -> None:
    compared = 0
    different = []
    with triton.InferenceServerClient(ours) as our_client, triton.InferenceServerClient(theirs) as their_client:
        for photograph in (astronaut(), zidane(), bus()):
            image = pixels(photograph)
            boxes = _infer(our_client, "face_hog", IMAGE=image)["BOXES"]
            for model in COMPARED:
                inputs = {"IMAGE": image} | ({"BOXES": boxes} if model == "face_landmarks" else {})
                expected, found = (_infer(client, model, **inputs) for client in (our_client, their_client))
                for name, tensor in expected.items():
                    compared += 1
                    if tensor.dtype != found[name].dtype or not np.array_equal(tensor, found[name]):
                        different.append(f"{model}.{name} on {photograph.name}")
    figures.equal("tensors that differ from the real Triton's", different, [], compared=compared)


def _infer(
    client: triton.InferenceServerClient, model: str, **inputs: NDArray[np.generic]
) -> dict[str, NDArray[np.generic]]:
    tensors = []
    for name, value in inputs.items():
        tensor = triton.InferInput(name, value.shape, "UINT8" if value.dtype == np.uint8 else "FP32")
        tensor.set_data_from_numpy(value)
        tensors.append(tensor)
    result = client.infer(model, tensors)
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


def _compare_boxes(figures: Figures, embedded: str, fronted: str) -> None:
    compared = 0
    different = []
    for photograph in (astronaut(), zidane(), bus()):
        for model in TYPED:
            request = detector_pb2.DetectFacesRequest(
                image=image_pb2.Image(encoded=photograph.read_bytes()), model=model, landmarks=True
            )
            answers = []
            for address in (embedded, fronted):
                with grpc.insecure_channel(address) as channel:
                    stub = detector_pb2_grpc.DetectorServiceStub(channel)
                    answers.append(list(stub.DetectFaces(request, timeout=30).detections))
            compared += len(answers[0])
            if answers[0] != answers[1]:
                different.append(f"{model} on {photograph.name}")
    figures.equal("typed answers that differ with --engine triton", different, [], detections=compared)
