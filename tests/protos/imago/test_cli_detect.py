"""`imago detect` against a real server: pictures, folders, videos and cameras in; tables and copies out."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from PIL import Image
from typer.testing import CliRunner, Result

from imago.cli import app
from imago.v1 import detector_pb2, image_pb2
from tests.protos.imago.clips import jpegs, shapes, truncate, write_clip

PROTOS = Path(__file__).parents[3] / "protos"
GREEN = (0x3D, 0xDC, 0x97)
Run = Callable[..., Result]


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]
    drops: int


@pytest.fixture
def run(fake: Fake) -> Run:
    environment = {"IMAGO_SERVER": fake.address, "COLUMNS": "100", "NO_COLOR": "1"}
    return lambda *arguments: CliRunner().invoke(app, ["detect", *map(str, arguments)], env=environment)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames of 64 x 48 pixels at 25 a second."""
    return write_clip(tmp_path / "clip.webm")


def command(fake: Fake, *arguments: object) -> list[str]:
    code = "from imago.cli import main; main()"
    return [sys.executable, "-c", code, "detect", *map(str, arguments), "--server", fake.address]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROTOS), **more}


def rows(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


def test_a_picture_gives_its_objects_and_a_copy_with_boxes(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run(photo, "-o", tmp_path / "out.png")
    assert result.exit_code == 0
    assert [str(photo), "64×48", "1", "with_mask", "face_hog", "0.5", "ms", "20.0", "ms", "3"] in rows(result)
    assert ["1", "with_mask", "0.75", "4.0", "6.0", "20.0", "24.0"] in rows(result)
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.getpixel((4, 20)) == GREEN


def test_flags_become_fields(run: Run, photo: Path, clip: Path, fake: Fake) -> None:
    flags = "-m mask_yolo --threshold 0.5 --labels with_mask,without_mask --labels mask_weared_incorrect --max 5"
    alerts = "--alert with_mask --alert without_mask --alert-after 3 --alert-after-ms 250"
    assert run(photo, clip, *flags.split(), *alerts.split()).exit_code == 0
    labels = ["with_mask", "without_mask", "mask_weared_incorrect"]
    picture, start = fake.requests[:2]
    assert picture == detector_pb2.DetectRequest(
        image=image_pb2.Image(encoded=photo.read_bytes()), model="mask_yolo", score_threshold=0.5, labels=labels,
        max_detections=5,
    )  # fmt: skip
    assert isinstance(start, detector_pb2.DetectStreamRequest)
    assert start.start == detector_pb2.DetectStreamStart(
        model="mask_yolo", score_threshold=0.5, labels=labels, alert_labels=["with_mask", "without_mask"],
        alert_after_frames=3, alert_after_ms=250,
    )  # fmt: skip


def test_without_flags_the_server_decides(run: Run, photo: Path, clip: Path, fake: Fake) -> None:
    assert run(photo, clip).exit_code == 0
    picture, start = fake.requests[:2]
    assert picture == detector_pb2.DetectRequest(image=image_pb2.Image(encoded=photo.read_bytes()))
    assert start == detector_pb2.DetectStreamRequest(start=detector_pb2.DetectStreamStart())


def test_a_folder_is_drawn_into_a_folder(run: Run, photo: Path, clip: Path, tmp_path: Path) -> None:
    result = run(tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"photo.jpg", "clip.webm"}
    assert result.stdout.count("file") == 2  # a table of the pictures and one of the videos


def test_every_frame_of_a_video_is_asked_about_and_drawn(run: Run, clip: Path, tmp_path: Path, fake: Fake) -> None:
    result = run(clip, "-o", tmp_path / "out.mp4")
    assert result.exit_code == 0
    assert [str(clip), "64×48", "10", "0", "1", "0", "face_hog", "20.0", "ms"] in rows(result)
    frames = [request.frame for request in fake.requests[1:] if isinstance(request, detector_pb2.DetectStreamRequest)]
    assert [frame.time_us for frame in frames] == [number * 40_000 for number in range(10)]
    assert all(frame.image.encoded.startswith(b"\xff\xd8") for frame in frames)
    assert shapes(tmp_path / "out.mp4") == [(64, 48)] * 10


def test_alerts_are_told_when_they_come_and_shown_in_the_copy(run: Run, clip: Path, tmp_path: Path) -> None:
    result = run(clip, "--alert", "with_mask", "-o", tmp_path / "out.mp4")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"{clip}, 0.12 s: Track 7 shows with_mask."
    before, after = (np.asarray(frame, int) for frame in frames_of(tmp_path / "out.mp4", 2, 4))
    red = after[:, :, 2] - after[:, :, 1]
    assert red[2:6, 2:30].mean() > 80
    assert abs(before[2:6, 2:30, 2] - before[2:6, 2:30, 1]).mean() < 60


def test_json_is_one_object_a_frame(run: Run, clip: Path) -> None:
    result = run(clip, "--json", "--max", "1", "--alert", "with_mask")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["time_s"] for line in lines] == pytest.approx([number * 0.04 for number in range(10)])
    assert [len(line["response"]["detections"]) for line in lines] == [1] * 10
    assert lines[3]["response"]["alerts"][0]["trackId"] == "7"


def test_the_table_of_all_detections_is_a_csv_file(run: Run, photo: Path, clip: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "tables" / "found.csv"
    assert run(photo, clip, "--csv", sheet).exit_code == 0
    with sheet.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 1 + 10 * 2
    assert found[0] == {
        "file": str(photo), "frame": "", "time_s": "", "track": "", "label": "with_mask", "score": "0.7500",
        "x_min": "4.00", "y_min": "6.00", "x_max": "24.00", "y_max": "30.00",
    }  # fmt: skip
    assert (found[3]["frame"], found[3]["time_s"], found[3]["track"]) == ("1", "0.040", "7")


def test_a_video_that_ends_mid_frame_is_drawn_to_there_and_fails(run: Run, tmp_path: Path) -> None:
    clip = truncate(write_clip(tmp_path / "clip.webm", frames=60), 0.5)
    result = run(clip, "-o", tmp_path / "out.mp4")
    assert result.exit_code == 1
    written = len(shapes(tmp_path / "out.mp4"))
    assert 2 < written < 58
    assert f"{clip} is cut off or damaged: after {written} frames it ends at" in result.stderr
    assert str(written) in rows(result)[1]


def test_frames_that_change_their_size_are_drawn_into_the_size_of_the_first(run: Run, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mjpeg"
    clip.write_bytes(jpegs(*[(64, 48)] * 3, *[(32, 32)] * 3))
    assert run(clip, "-o", tmp_path / "out.webm").exit_code == 0
    assert shapes(tmp_path / "out.webm") == [(64, 48)] * 6


def test_a_video_that_cannot_be_read_is_one_sentence_and_stops_nothing(run: Run, clip: Path, tmp_path: Path) -> None:
    broken, missing = tmp_path / "broken.webm", tmp_path / "missing.mp4"
    broken.write_bytes(b"no video")
    result = run(broken, missing, clip, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"imago: {broken} cannot be read as a video.",
        f"imago: {missing}: No such file or directory.",
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip.webm"]


def test_what_the_server_refuses_of_a_video_is_one_sentence(run: Run, clip: Path, fake: Fake) -> None:
    fake.failures[:] = [lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "Model hats does not exist.")]
    result = run(clip, "-m", "hats")
    assert result.exit_code == 1
    assert result.stderr == f"imago: {clip}: Model hats does not exist.\n"


def test_an_address_without_a_server_is_one_sentence(run: Run, clip: Path) -> None:
    result = run(clip, clip, "--server", "unix:/nowhere/imago.sock")
    assert result.exit_code == 1
    assert result.stderr.count("No Imago server answers at unix:/nowhere/imago.sock") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Usage"),
        (["a.jpg", "--camera", "0"], "give files and folders, or --camera"),
        (["a.jpg", "--alert", "with_mask"], "only videos and cameras raise alerts"),
        (["a.webm", "-o", "a.jpg"], "a.jpg cannot be drawn: its name must end with .webm, .mp4"),
        (["--camera", "0", "-o", "a.avi"], "a.avi cannot be drawn"),
        (["a.jpg", "--threshold", "2"], "'--threshold'"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    run: Run, fake: Fake, arguments: list[str], complaint: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.output
    assert fake.requests == []


def test_a_camera_that_is_not_there_is_one_sentence(run: Run) -> None:
    result = run("--camera", "99")
    assert result.exit_code == 1
    assert result.stderr == "imago: Camera 99 cannot be opened: is it there, and not in use?\n"


def test_a_camera_is_watched_until_it_is_interrupted_and_what_it_saw_is_kept(fake: Fake, tmp_path: Path) -> None:
    fake.drops = 1
    camera, out = tmp_path / "camera.mjpeg", tmp_path / "out.mp4"
    os.mkfifo(camera)
    flags = ("--camera", camera, "-o", out, "--alert", "with_mask")
    with subprocess.Popen(
        command(fake, *flags), env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as watching:
        told = False
        for _ in frames_into(camera):
            if len(fake.requests) > 20 and not told:
                watching.send_signal(signal.SIGINT)
                told = True
        stdout, stderr = watching.communicate(timeout=60)
    assert (watching.returncode, stderr.decode()) == (0, "")
    said = stdout.decode().splitlines()
    assert said[0].endswith("s: Track 7 shows with_mask.")
    frames, dropped = map(int, said[-1].split()[3:5])
    assert frames == dropped > 5
    assert len(shapes(out)) > 0


def test_without_opencv_a_sentence_says_what_to_install(fake: Fake, clip: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "nocv").mkdir()
    (tmp_path / "nocv" / "cv2.py").write_text("raise ImportError('No module named cv2')\n")
    hidden = environment(PYTHONPATH=f"{tmp_path / 'nocv'}:{PROTOS}")
    done = subprocess.run(command(fake, photo, clip), env=hidden, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 with_mask" in done.stdout
    assert done.stderr == (
        f"imago: {clip}: Videos and cameras need OpenCV: pip install 'imago[video]' (No module named cv2).\n"
    )


def test_json_goes_into_a_file_also_when_somebody_watches_the_bar(fake: Fake, photo: Path, clip: Path) -> None:
    terminal, other = pty.openpty()
    done = subprocess.run(
        command(fake, photo, photo, clip, "--json"), env=environment(), stdout=subprocess.PIPE, stderr=other, check=True
    )
    os.close(other)
    os.close(terminal)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 12


def test_nothing_is_said_beside_the_tables(fake: Fake, clip: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(fake, truncate(clip, 0.95), "-o", tmp_path / "out.webm"),
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert all(line.startswith("imago: ") for line in done.stderr.splitlines()), done.stderr


def frames_of(path: Path, *numbers: int) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    return (frames[number] for number in numbers)


def frames_into(pipe: Path) -> Iterator[None]:
    """Writes pictures into a pipe as long as somebody reads them."""
    with pipe.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(jpegs((64, 48)))
                yield
        except BrokenPipeError:
            return
