"""Published weights become a model folder, once their checksum is right."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from tests.training.conftest import Command
from training.checkpoint import read_weights
from training.detectors.registry import build_detector
from training.detectors.yolo_network import YoloRaw, build_yolo
from training.recipe import Model


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched weights stay in build/weights of the folder that one works in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server over the folder `published`."""
    (tmp_path / "published").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *values: object) -> None:
            """Nothing."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "published")))
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def yolo_file(file: Path, classes: int = 2, name: str = "yolo11n") -> YoloRaw:
    """As ultralytics publishes one: a pickled network with the names of its classes."""
    torch.manual_seed(0)
    detector = build_yolo(name, classes, 64)
    network = detector.network.half()
    network.names = {number: f"thing {number}" for number in range(classes)}  # type: ignore[assignment]
    torch.save({"model": network, "ema": None, "epoch": -1, "train_args": {}}, file)
    detector.network.float()
    return detector


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def run_graph(folder: Path, size: int) -> tuple[list[np.ndarray], torch.Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(folder / "1/model.onnx"))
    return session.run(["BOXES", "SCORES"], {"IMAGE": pixels}), torch.from_numpy(pixels)


@torch.no_grad()
def test_a_yolo_is_fetched_checked_and_written(tmp_path: Path, server: str, command: Command) -> None:
    detector = yolo_file(tmp_path / "published/yolo11n.pt")
    digits = sha256(tmp_path / "published/yolo11n.pt")
    arguments = ("--into", "models", "--url", f"{server}/yolo11n.pt", "--sha256", digits, "--size", "64")
    code, out, err = command("pull", "yolo11n", *arguments)
    assert (code, f"yolo11n with 2 labels, AGPL-3.0; SHA-256 {digits}" in out) == (0, True), err
    folder = tmp_path / "models/object_detector"
    assert (folder / "labels.txt").read_text() == "thing 0\nthing 1\n"
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (folder / "LICENSE").read_text()
    assert digits in (folder / "README.md").read_text()
    config = read_config(folder)
    assert config.parameters["imago.task"].string_value == "object-detection"
    assert config.parameters["imago.licence"].string_value == "AGPL-3.0"
    assert (config.max_batch_size, list(config.input[0].dims)) == (32, [64, 64, 3])
    (boxes, scores), pixels = run_graph(folder, 64)
    expected = detector.raw(pixels.permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(boxes, expected[0], atol=0.5)  # pixels; weights have 11 bits
    np.testing.assert_allclose(scores, expected[1], atol=0.01)
    kept = read_weights(tmp_path / "build/weights/yolo11n.safetensors")
    assert torch.equal(kept["network.model.0.conv.weight"], detector.state_dict()["network.model.0.conv.weight"])
    # once more: the file is there, the model too
    again = command("pull", "yolo11n", *arguments)
    assert again[0] == 1
    assert "already has version 1" in again[2]


@torch.no_grad()
def test_torchvisions_weights_lose_the_classes_that_coco_has_not(tmp_path: Path, command: Command) -> None:
    torch.manual_seed(0)
    detector: Any = build_detector(
        Model(name="ssdlite320_mobilenet_v3_large", size=64), [str(n) for n in range(90)]
    ).eval()
    for block in detector.network.head.classification_head.module_list:
        block[-1].bias.data.normal_(0, 4)  # scores that differ: new weights give each class about the same
    state = {name: value for name, value in detector.network.state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "ssdlite.pth")
    digits = sha256(tmp_path / "ssdlite.pth")
    arguments = ("--weights", "ssdlite.pth", "--sha256", digits, "--size", "64", "--model", "ssd", "--into", "models")
    code, out, err = command("pull", "ssdlite320_mobilenet_v3_large", *arguments)
    assert (code, "80 labels, BSD-3-Clause" in out) == (0, True), err
    folder = tmp_path / "models/ssd"
    labels = (folder / "labels.txt").read_text().splitlines()
    assert (len(labels), labels[0], labels[-1], "N/A" in labels) == (80, "person", "toothbrush", False)
    assert not (folder / "LICENSE").exists()
    (boxes, scores), pixels = run_graph(folder, 64)
    expected = detector.raw(pixels.permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(boxes, expected[0], atol=1.0)  # pixels; weights have 11 bits
    np.testing.assert_allclose(scores[..., 0], expected[1][..., 0], atol=0.01)
    np.testing.assert_allclose(scores[..., -1], expected[1][..., 89], atol=0.01)


def test_another_file_than_the_wanted_one_is_refused_unread(tmp_path: Path, server: str, command: Command) -> None:
    (tmp_path / "published/yolo11n.pt").write_bytes(b"something else")
    digits = sha256(tmp_path / "published/yolo11n.pt")
    code, _, err = command("pull", "yolo11n", "--into", "models", "--url", f"{server}/yolo11n.pt")
    assert (code, err.count("\n")) == (1, 1), err
    assert f"its SHA-256 is {digits}, not 0ebbc80d" in err
    assert not (tmp_path / "models").exists()
    assert not list((tmp_path / "build/weights").iterdir())


def test_without_a_known_checksum_a_person_has_to_name_it(tmp_path: Path, command: Command) -> None:
    yolo_file(tmp_path / "mine.pt", name="yolov5n")
    digits = sha256(tmp_path / "mine.pt")
    code, _, err = command("pull", "yolov5nu", "--into", "models", "--weights", "mine.pt")
    assert code == 1
    assert f"no checksum is known for it; its SHA-256 is {digits}" in err
    assert f"repeat with --sha256 {digits}" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("yolo99n",), "there are no weights 'yolo99n' to pull; there are yolo11n, "),
        (("yolo11n", "--url", "ftp://somewhere/a.pt"), "--url ftp://somewhere/a.pt: must begin with https://"),
        (("yolo11n", "--url", "http://127.0.0.1:9/yolo11n.pt"), "cannot be fetched: "),
        (("yolo11n", "--url", "file:///nowhere/yolo11n.pt"), "cannot be fetched: "),
        (("yolo11n", "--weights", "nowhere.pt"), "nowhere.pt cannot be read: No such file or directory"),
        (("yolo11n", "--weights", "text.pt", "--sha256", "xyz"), "--sha256 xyz: must be 8 to 64 hexadecimal digits"),
        (("yolo11n", "--model", "a/b"), "--name 'a/b'"),
    ],
)
def test_what_a_person_can_get_wrong_is_one_sentence(
    tmp_path: Path, command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    code, _, err = command("pull", *arguments, "--into", "models")
    assert (code, err.count("\n")) == (1, 1), err
    assert sentence in err


def test_an_address_that_nobody_answers_is_named(server: str, command: Command) -> None:
    code, _, err = command("pull", "yolo11n", "--into", "models", "--url", f"{server}/missing.pt")
    assert code == 1
    assert f"{server}/missing.pt cannot be fetched: " in err
    assert "--weights FILE" in err


def test_a_file_of_another_network_is_named(tmp_path: Path, command: Command) -> None:
    yolo_file(tmp_path / "v5.pt", name="yolov5n")
    arguments = ("--weights", "v5.pt", "--sha256", sha256(tmp_path / "v5.pt"), "--into", "models")
    code, _, err = command("pull", "yolo11n", *arguments)
    assert (code, err.count("\n")) == (1, 1), err
    assert "v5.pt is no yolo11n" in err
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    arguments = ("--weights", "a.pth", "--sha256", sha256(tmp_path / "a.pth"), "--into", "models")
    code, _, err = command("pull", "fasterrcnn_resnet50_fpn", *arguments)
    assert (code, "a.pth is no fasterrcnn_resnet50_fpn: " in err) == (1, True), err
