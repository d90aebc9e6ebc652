"""Objects through the whole house: pictures and videos in by every door, with a detector that anybody can predict."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.stack import ROOT, SERVICES
from imago.client import Imago
from tests.house import House
from tests.services.detector.blobs import write_blob_detector

GREEN, RED = (0, 220, 0), (0, 0, 230)
"""In OpenCV's order: what the detector takes for a face with and for one without a mask."""
TAKEN_OFF = 12
"""The frame from which on the mask is gone."""


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    repository = tmp_path_factory.mktemp("repository")
    write_blob_detector(repository, "mask_detector")
    (detector,) = [service for service in SERVICES if service.name == "detector"]
    with House([replace(detector, arguments=("--model-repository", str(repository)))]) as house:
        yield house


def scene(number: int) -> NDArray[np.uint8]:
    """640 x 360: somebody walks to the right, and takes the mask off."""
    pixels = np.full((360, 640, 3), 120, np.uint8)
    left = 50 + 6 * number
    cv2.rectangle(pixels, (left, 120), (left + 79, 219), GREEN if number < TAKEN_OFF else RED, -1)
    return pixels


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    cv2.imwrite(str(path), scene(0))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "clip.webm"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP90"), 25, (640, 360))
    for number in range(40):
        writer.write(scene(number))
    writer.release()
    return path


def test_grpc_and_rest_find_the_same(masks: House, photo: Path) -> None:
    with Imago(masks.grpc()) as imago:
        (found,) = imago.detect(photo).detections
        analysed = imago.analyze(photo)
    assert found.label == "with_mask"
    # A pixel of the detector's 64 is ten of the picture's.
    edges = (found.box.x_min, found.box.y_min, found.box.x_max, found.box.y_max)
    assert np.abs(np.subtract(edges, (50, 120, 130, 220))).max() <= 10
    files = {"image": ("photo.png", photo.read_bytes(), "image/png")}
    over_rest = httpx.post(f"{masks.http()}/v1/detector:detect", files=files, timeout=20).json()
    assert over_rest["detections"][0]["box"]["xMin"] == pytest.approx(found.box.x_min)
    # This detector has no face models: what nobody has a model for is not asked.
    assert [list(part.detections.detections) for part in analysed.parts] == [[found]]


def test_a_stream_over_rest_is_answered_line_by_line(masks: House) -> None:
    lines = ['{"start": {"alertLabels": ["without_mask"]}}']
    for number in (TAKEN_OFF, TAKEN_OFF + 1):
        encoded = base64.b64encode(cv2.imencode(".jpg", scene(number))[1].tobytes()).decode()
        lines.append(json.dumps({"frame": {"image": {"encoded": encoded}, "timeUs": number * 40_000}}))
    answer = httpx.post(
        f"{masks.http()}/v1/detector:detectStream", content="\n".join(lines),
        headers={"content-type": "application/x-ndjson"}, timeout=20,
    )  # fmt: skip
    first, second = (json.loads(line) for line in answer.text.splitlines())
    assert [one["detections"][0]["trackId"] for one in (first, second)] == ["1", "1"]
    assert first["detections"][0]["label"] == "without_mask"


def test_the_command_follows_somebody_through_a_video_and_tells_once_that_the_mask_is_gone(
    masks: House, clip: Path, tmp_path: Path
) -> None:
    flags = ["-o", str(tmp_path / "out.webm"), "--json", "--alert", "without_mask", "--server", masks.grpc()]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "imago"), "detect", str(clip), *flags],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    frames = [json.loads(line)["response"] for line in done.stdout.splitlines()]
    assert [int(frame["frameIndex"]) for frame in frames] == list(range(40))
    assert {one["trackId"] for frame in frames for one in frame["detections"]} == {"1"}
    assert sum(int(frame["droppedFrames"]) for frame in frames) == 0
    (alerted,) = [frame for frame in frames if frame["alerts"]]
    # Five frames must be won, each by a majority of the last five.
    assert TAKEN_OFF + 4 <= int(alerted["frameIndex"]) <= TAKEN_OFF + 9
    copy = cv2.VideoCapture(str(tmp_path / "out.webm"))
    assert int(copy.get(cv2.CAP_PROP_FRAME_COUNT)) == 40
