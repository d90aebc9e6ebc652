"""The whole house, as real processes: one photograph in, faces out, by every door."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput

from imago.client import Imago
from imago.errors import InvalidRequest, NotFound
from imago.v1.image_pb2 import Box, Detection
from tests.house import House
from tests.photographs import astronaut

FACE = Box(x_min=174, y_min=74, x_max=266, y_max=166)
"""Noted by hand: from the middle of the forehead to below the chin, ear to ear."""
MODELS = ("face_hog", "face_mmod", "face_haar")


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.x_max, other.x_max) - max(one.x_min, other.x_min)
    height = min(one.y_max, other.y_max) - max(one.y_min, other.y_min)
    shared = max(width, 0) * max(height, 0)
    areas = sum((box.x_max - box.x_min) * (box.y_max - box.y_min) for box in (one, other))
    return shared / (areas - shared)


def assert_the_face(found: list[Detection]) -> None:
    assert len(found) == 1
    assert overlap(found[0].box, FACE) >= 0.5


@pytest.mark.parametrize("model", MODELS)
def test_every_detector_finds_the_face_through_the_gateway_and_says_where_the_time_went(
    house: House, model: str
) -> None:
    with Imago(house.grpc()) as imago:
        answer = imago.detect_faces(astronaut(), model=model)
    assert_the_face(list(answer.detections))
    assert (answer.width, answer.height) == (512, 512)
    timing = answer.timing.models[0]
    assert timing.model == model
    assert timing.compute_us > 0
    assert timing.batch_size == 1


def test_the_gateway_and_the_detector_itself_give_the_same_answer(house: House) -> None:
    answers = []
    for server in (house.grpc("gateway"), house.grpc("detector")):
        with Imago(server) as imago:
            answers.append(list(imago.detect_faces(astronaut(), landmarks=True).detections))
    assert answers[0] == answers[1]
    assert answers[0][0].landmarks.scheme == "dlib5"


def test_one_analysis_asks_all_detectors_and_each_part_has_its_own_status(house: House) -> None:
    parts = [*(f"faces:{model}" for model in MODELS), "faces:face_none", "classes"]
    with Imago(house.grpc()) as imago:
        answer = imago.analyze(astronaut(), parts=parts)
    names = [part.status.name for part in answer.parts]
    assert names == ["OK", "OK", "OK", "NOT_FOUND", "UNIMPLEMENTED"]
    for part in answer.parts[:3]:
        assert_the_face(list(part.faces.detections))


def test_rest_takes_a_file_and_answers_with_json(house: House) -> None:
    url = f"{house.http()}/v1/detector:detectFaces"
    with astronaut().open("rb") as file:
        answer = httpx.post(url, files={"image": file}, timeout=30)
    assert answer.status_code == 200
    assert [face["label"] for face in answer.json()["detections"]] == ["face"]


def test_bad_input_is_the_callers_mistake_by_every_door(house: House) -> None:
    with Imago(house.grpc()) as imago:
        with pytest.raises(InvalidRequest) as refused:
            imago.detect_faces(b"not an image")
        assert [violation.field for violation in refused.value.violations] == ["image.encoded"]
        with pytest.raises(NotFound, match="face_none"):
            imago.detect_faces(astronaut(), model="face_none")
    answer = httpx.post(f"{house.http()}/v1/detector:detectFaces", files={"image": b"not an image"}, timeout=30)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_models_are_listed_with_their_task_and_licence(house: House) -> None:
    with Imago(house.grpc()) as imago:
        models = {model.name: model for model in imago.models().models}
    assert {*MODELS, "face_landmarks", "mask_detector"} <= models.keys()
    assert all(model.ready and model.task and model.licence for model in models.values())


def test_tritons_own_client_works_on_the_detector(house: House) -> None:
    pixels = np.asarray(Image.open(astronaut()).convert("RGB"))
    tensor = InferInput("IMAGE", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels)
    with InferenceServerClient(house.grpc("detector")) as triton:
        boxes = triton.infer("face_hog", [tensor]).as_numpy("BOXES")
    assert boxes is not None
    x_min, y_min, x_max, y_max = map(float, boxes[0])
    assert overlap(Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max), FACE) >= 0.5


def test_the_command_draws_the_face_into_a_copy(house: House, tmp_path: Path) -> None:
    picture = tmp_path / "faces.jpg"
    imago = str(Path(sys.executable).with_name("imago"))
    command = [imago, "faces", str(astronaut()), "-o", str(picture), "--server", house.grpc()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = (np.asarray(Image.open(path).convert("RGB"), np.int16) for path in (astronaut(), picture))
    changed = np.abs(after - before).max(axis=2) > 64
    assert changed[60:180, 160:280].mean() > 0.05
    assert changed[300:, :].mean() < 0.001


@pytest.mark.parametrize("name", ["gateway", "detector"])
def test_every_process_answers_probes_and_metrics(house: House, name: str) -> None:
    for page in ("livez", "readyz", "metrics"):
        with urllib.request.urlopen(f"{house.http(name)}/{page}", timeout=10) as answer:
            assert answer.status == 200
            text = answer.read().decode()
    assert re.search(r"^# TYPE \w+ histogram$", text, re.MULTILINE)


def test_the_reference_of_every_field_is_served(house: House) -> None:
    with urllib.request.urlopen(f"{house.http()}/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]
    assert "/v1/detector:detectFaces" in paths
    with urllib.request.urlopen(f"{house.http()}/docs", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/html")
