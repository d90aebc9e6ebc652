"""The commands people type, as processes: the demo, the stack, and what no serving process may import."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from deploy.stack import GATEWAY, HOST, SERVICES
from imago.client import Imago
from tests.house import House
from tests.photographs import astronaut

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("torch", "torchvision", "ultralytics")


def generators() -> list[str]:
    """The generators that a clone brings."""
    return sorted(file.parent.name for file in (ROOT / "services" / "generator" / "models").glob("*/config.pbtxt"))


def test_the_demo_analyses_photographs_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.demo", "--once", "--any-port", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^faces +detector +(\d) faces? +(face_\w+)", done.stdout, re.MULTILINE)
    assert rows[:3] == [("1", "face_hog"), ("1", "face_mmod"), ("1", "face_haar")], "the astronaut"
    assert len(rows) == len(list(tmp_path.glob("*-face_*.jpg"))) == 9
    masks = (ROOT / "services" / "detector" / "models" / "mask_detector").is_dir()
    assert bool(re.search(r"^face_masks +detector +\d", done.stdout, re.MULTILINE)) == masks
    assert (tmp_path / "crowd-mask_detector.jpg").is_file() == masks
    assert {name for name in generators() if not (tmp_path / f"{name}.png").is_file()} == set()
    with Image.open(tmp_path / "astronaut-face_hog.jpg") as picture:
        assert picture.size == (512, 512)


def test_the_demo_says_in_one_sentence_that_a_port_is_taken(tmp_path: Path) -> None:
    try:
        taken = socket.create_server((HOST, GATEWAY.http_port))
    except OSError:
        taken = None  # somebody else has it, which is as good
    command = [sys.executable, "-m", "deploy.demo", "--once", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if taken:
        taken.close()
    assert done.returncode == 1
    assert f"Port {GATEWAY.http_port}, for HTTP of the gateway, cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_up_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "deploy.local", "--any-port"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(rf"serving: .*, ({HOST}:\d+) \(gRPC\)", line):
                with Imago(found[1]) as imago:
                    serving = [service.serving for service in imago.status().services]
                    assert serving == [True] * sum(service.has_models for service in SERVICES)
                process.send_signal(number)
        assert process.wait(60) == 0, "".join(said)
    assert said[-1].endswith("│ stopped\n")


def test_no_serving_process_imports_torch_or_ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoys of the forbidden packages stand where every process, models' included, would find them."""
    decoys, caught = tmp_path / "decoys", tmp_path / "caught"
    caught.mkdir()
    trap = f"import os, sys\nopen(os.path.join({str(caught)!r}, str(os.getpid())), 'w').write(str(sys.orig_argv))\n"
    for name in FORBIDDEN:
        (decoys / name).mkdir(parents=True)
        (decoys / name / "__init__.py").write_text(trap)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(decoys), os.environ.get("PYTHONPATH", "")]))
    assert subprocess.run([sys.executable, "-c", "import torch"], check=False).returncode == 0
    (trapped,) = caught.iterdir()
    trapped.unlink()
    with House() as house, Imago(house.grpc()) as imago:
        for model in ("face_hog", "face_mmod", "face_haar"):
            assert imago.detect_faces(astronaut(), model=model, landmarks=True).detections
        for generator in generators():
            assert imago.generate(model=generator).images
    assert [path.read_text() for path in caught.iterdir()] == []
