"""The `imago` command against a real server: what it prints, what it writes, and how it fails."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import grpc
import pytest
from google.protobuf.message import Message
from PIL import Image
from typer.testing import CliRunner, Result

from imago.cli import app
from imago.v1 import detector_pb2, gateway_pb2, image_pb2

PROTOS = Path(__file__).parents[3] / "protos"
Run = Callable[..., Result]


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]
    services: list[gateway_pb2.ServiceStatus]
    parts: list[gateway_pb2.PartResult]


@pytest.fixture
def run(fake: Fake) -> Run:
    """The command, told by its environment which server to ask."""
    environment = {"IMAGO_SERVER": fake.address, "COLUMNS": "100", "NO_COLOR": "1"}
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments], env=environment)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"not an image")
    return path


def test_without_arguments_it_explains_itself() -> None:
    code = "from imago.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(PROTOS)}, capture_output=True, text=True, check=False
    )
    text = done.stdout + done.stderr
    assert all(command in text for command in ("faces", "detect", "analyze", "models", "status", "--version"))
    assert "Traceback" not in text


@pytest.mark.parametrize("command", ["faces", "detect", "analyze", "models", "status"])
def test_every_command_explains_its_server(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "IMAGO_SERVER" in result.stdout


def test_the_version_is_one_line(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("imago ")
    assert len(result.stdout.splitlines()) == 1


def test_one_photo_gives_its_faces_and_where_the_time_went(run: Run, photo: Path) -> None:
    result = run("faces", photo)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [str(photo), "64×48", "1", "face_hog", "0.5", "ms", "20.0", "ms", "3"] in rows
    assert ["1", "face", "1.25", "4.0", "6.0", "20.0", "24.0"] in rows
    assert result.stderr == ""


def test_the_faces_are_drawn_into_a_copy(run: Run, photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    assert run("faces", photo, "-o", tmp_path / "out.png").exit_code == 0
    with Image.open(tmp_path / "out.png") as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (64, 48))
        assert drawn.getpixel((4, 20)) == (0x5E, 0xC8, 0xFF)
    assert photo.read_bytes() == before


def test_many_photos_are_drawn_into_a_folder_and_a_bad_one_stops_nothing(
    run: Run, photo: Path, broken: Path, tmp_path: Path
) -> None:
    other, missing = tmp_path / "other.jpg", tmp_path / "missing.jpg"
    other.write_bytes(photo.read_bytes())
    result = run("faces", broken, photo, missing, other, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"photo.jpg", "other.jpg"}
    assert result.stderr.splitlines() == [
        f"imago: {broken}: image is neither JPEG, PNG nor WebP.",
        f"imago: {missing}: No such file or directory.",
    ]


def test_crops_are_saved_beside_each_other(run: Run, photo: Path, tmp_path: Path, fake: Fake) -> None:
    assert run("faces", photo, "--crops", tmp_path / "crops", "--aligned").exit_code == 0
    assert (tmp_path / "crops" / "photo-face1.jpg").read_bytes() == b"a crop"
    (request,) = fake.requests
    assert isinstance(request, detector_pb2.DetectFacesRequest)
    assert request.crops.aligned


def test_flags_become_fields(run: Run, photo: Path, fake: Fake) -> None:
    flags = "-m face_haar --upsample 1 --longest-side 640 --min-score 0.5 --largest-only --landmarks"
    haar = "--haar-scale-factor 1.5 --haar-min-neighbours 0 --haar-min-size 24"
    assert run("faces", photo, *flags.split(), *haar.split()).exit_code == 0
    assert fake.requests == [
        detector_pb2.DetectFacesRequest(
            image=image_pb2.Image(encoded=photo.read_bytes()),
            model="face_haar",
            upsample=1,
            longest_side=640,
            score_threshold=0.5,
            largest_only=True,
            landmarks=True,
            haar=detector_pb2.HaarOptions(scale_factor=1.5, min_neighbours=0, min_size=24),
        )
    ]


def test_without_flags_the_server_decides(run: Run, photo: Path, fake: Fake) -> None:
    assert run("faces", photo).exit_code == 0
    assert fake.requests == [detector_pb2.DetectFacesRequest(image=image_pb2.Image(encoded=photo.read_bytes()))]


def test_json_is_one_object_a_line(run: Run, photo: Path, broken: Path, tmp_path: Path) -> None:
    result = run("faces", photo, broken, photo, "--json", "--crops", tmp_path)
    assert result.exit_code == 1
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["file"] == second["file"] == str(photo)
    assert first["response"]["detections"][0]["score"] == 1.25
    assert [first["crops"], second["crops"]] == [[str(tmp_path / f"photo{n}-face1.jpg")] for n in ("", "-2")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a.jpg", "-o", "a.gif"], "Invalid value for --output: a.gif cannot be drawn"),
        (["a.jpg", "--aligned"], "give --crops"),
        (["a.jpg", "--upsample", "much"], "--upsample"),
        (["a.jpg", "--upsample", "-1"], "'--upsample'"),
        (["a.jpg", "--haar-min-size", "-1"], "'--haar-min-size'"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    run: Run, fake: Fake, arguments: list[str], complaint: str
) -> None:
    result = run("faces", *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert fake.requests == []


def test_an_address_without_a_server_is_one_sentence(run: Run, photo: Path) -> None:
    result = run("faces", photo, photo, "--server", "unix:/nowhere/imago.sock")
    assert result.exit_code == 1
    assert result.stderr == (
        "imago: No Imago server answers at unix:/nowhere/imago.sock: is it running, and does it speak gRPC there?\n"
    )


def test_a_call_that_takes_too_long_is_one_sentence(
    run: Run, photo: Path, fake: Fake, hang: Callable[[grpc.ServicerContext], object]
) -> None:
    fake.failures[:] = [hang]
    result = run("faces", photo, "--timeout", "0.1")
    assert result.exit_code == 1
    assert result.stderr == f"imago: {photo}: {fake.address} did not answer within 0.1 s.\n"


def test_an_analysis_is_a_table_of_its_parts(run: Run, photo: Path, fake: Fake, tmp_path: Path) -> None:
    faces = found_a_face()
    fake.parts[:] = [faces]
    result = run("analyze", photo, "-o", tmp_path / "out.png", "-p", "faces:face_hog")
    assert result.exit_code == 0
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("faces"))
    assert row == ["faces", "detector", "1", "face", "face_hog", "0.5", "ms", "20.0", "ms", "3", "21.0", "ms"]
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.getpixel((4, 20)) == (0x5E, 0xC8, 0xFF)


def test_a_part_that_failed_says_why_and_fails_the_command(run: Run, photo: Path, fake: Fake) -> None:
    failed = gateway_pb2.PartResult(
        part=gateway_pb2.Part(kind=gateway_pb2.PART_KIND_CLASSES),
        service="recognizer",
        status=gateway_pb2.PartStatus(code=14, name="UNAVAILABLE", message="recognizer is not reachable."),
    )
    fake.parts[:] = [found_a_face(), failed]
    result = run("analyze", photo)
    assert result.exit_code == 1
    assert "1 face" in result.stdout
    assert result.stderr == "imago: classes: UNAVAILABLE: recognizer is not reachable.\n"
    assert len(json.loads(run("analyze", photo, "--json").stdout)["response"]["parts"]) == 2


def test_a_part_that_does_not_exist_is_refused(run: Run, photo: Path) -> None:
    result = run("analyze", photo, "-p", "hats")
    assert result.exit_code == 2
    assert "There is no part hats" in result.stderr


def test_models_are_listed_and_services_that_cannot_be_asked_named(run: Run, fake: Fake) -> None:
    fake.services[:] = [gateway_pb2.ServiceStatus(service="recognizer", address="dns:///r:1", reason="nobody there")]
    result = run("models")
    assert result.exit_code == 0
    assert next(line.split() for line in result.stdout.splitlines() if "face_hog" in line) == [
        *("detector", "face_hog", "1", "BSL-1.0", "ready"),
    ]
    assert result.stderr == "imago: recognizer at dns:///r:1 cannot be asked: nobody there\n"
    assert json.loads(run("models", "--json").stdout)["response"]["models"][0]["ready"]


def test_status_fails_when_a_service_does_not_serve(run: Run, fake: Fake) -> None:
    serving = gateway_pb2.ServiceStatus(service="detector", address="dns:///d:1", serving=True, elapsed_us=1500)
    fake.services[:] = [serving]
    result = run("status")
    assert result.exit_code == 0
    assert next(line.split() for line in result.stdout.splitlines() if "detector" in line) == [
        *("detector", "dns:///d:1", "serving", "1.5", "ms"),
    ]
    fake.services[:] = [serving, gateway_pb2.ServiceStatus(service="recognizer", reason="NOT_SERVING")]
    result = run("status")
    assert result.exit_code == 1
    assert "NOT_SERVING" in result.stdout
    assert run("status", "--json").exit_code == 1


def found_a_face() -> gateway_pb2.PartResult:
    """A part in which the detector found one face."""
    return gateway_pb2.PartResult(
        part=gateway_pb2.Part(kind=gateway_pb2.PART_KIND_FACES),
        service="detector",
        status=gateway_pb2.PartStatus(name="OK"),
        elapsed_us=21_000,
        faces=detector_pb2.DetectFacesResponse(
            detections=[
                image_pb2.Detection(box=image_pb2.Box(x_min=4, y_min=6, x_max=24, y_max=30), label="face", score=1.25)
            ],
            timing=image_pb2.Timing(
                models=[image_pb2.ModelTiming(model="face_hog", queue_us=500, compute_us=20_000, batch_size=3)]
            ),
        ),
    )
