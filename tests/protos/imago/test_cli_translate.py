"""`imago translate`, `stylize` and `dream` against a real server: files, rows of pictures and films."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import grpc
import pytest
from google.protobuf.message import Message
from PIL import Image, ImageSequence
from typer.testing import CliRunner, Result

from imago.cli import app
from imago.images import to_image
from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2 import DreamTarget, StyleOptimisation, WeightedStyle

Run = Callable[..., Result]
PNG, ORIGINAL = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_PNG), translator_pb2.OUTPUT_SIZE_ORIGINAL


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]
    bad: bytes


@pytest.fixture
def run(fake: Fake) -> Run:
    environment = {"IMAGO_SERVER": fake.address, "COLUMNS": "120", "NO_COLOR": "1"}
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)], env=environment)


def colour(path: Path, x: int = 1) -> object:
    with Image.open(path) as opened:
        return opened.convert("RGB").getpixel((x, opened.height // 2))


def test_a_photo_is_translated_into_a_file(run: Run, fake: Fake, photo: Path, tmp_path: Path) -> None:
    result = run("translate", photo, "-m", "maps", "-d", "aerial_to_map", "--seed", 5, "-o", tmp_path / "map.png")
    assert result.exit_code == 0, result.stderr
    assert colour(tmp_path / "map.png") == (0, 0, 200)
    assert fake.requests == [
        translator_pb2.TranslateRequest(
            image=to_image(photo), model="maps", direction="aerial_to_map", seed=5, size=ORIGINAL, output=PNG
        )
    ]
    head, row = (line.split() for line in result.stdout.splitlines())
    assert head == ["file", "size", "direction", "cycle", "model", "queue", "compute", "batch"]
    assert row == [str(photo), "12×8", "aerial_to_map", "face_hog", "0.5", "ms", "20.0", "ms", "3"]


def test_folders_are_translated_into_folders_and_one_failure_stops_nothing(
    run: Run, fake: Fake, photo: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").write_bytes(photo.read_bytes())
    (album / "b.jpg").write_bytes(fake.bad)
    (album / "c.png").write_bytes(photo.read_bytes())
    result = run("translate", album, "--model-size", "-o", tmp_path / "maps")
    assert result.exit_code == 1
    assert f"{album / 'b.jpg'}: image is neither JPEG, PNG nor WebP." in result.stderr
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["a.png", "c.png"]
    request = fake.requests[0]
    assert isinstance(request, translator_pb2.TranslateRequest)
    assert request.size == translator_pb2.OUTPUT_SIZE_MODEL


def test_what_a_picture_was_made_of_can_stand_beside_it(run: Run, photo: Path, tmp_path: Path) -> None:
    assert run("translate", photo, "--cycle", "--side-by-side", "-o", tmp_path / "row.png").exit_code == 0
    with Image.open(tmp_path / "row.png") as row:
        # The photo of 64 x 48, the way back and the translation, all 8 pixels high, with gaps of 2.
        assert row.size == (2 + 11 + 2 + 12 + 2 + 12 + 2, 12)
    assert [colour(tmp_path / "row.png", x) for x in (16, 30)] == [(200, 0, 0), (0, 0, 200)]


def test_styles_have_weights_and_an_optimisation_has_flags(run: Run, fake: Fake, photo: Path, tmp_path: Path) -> None:
    style = tmp_path / "style=1.jpg"
    style.write_bytes(photo.read_bytes())
    flags = ["--style", style, "--style", f"{photo}=2.5", "--named", "starry=1", "--strength", "0.8", "--mask", photo]
    more = ["--steps", 4, "--style-weight", 9, "--longest-side", 256, "--preserve-colour", "-m", "gatys"]
    result = run("stylize", photo, *flags, *more, "-o", tmp_path / "new.jpg", "--side-by-side")
    assert result.exit_code == 0, result.stderr
    image = to_image(photo)
    styles = [
        WeightedStyle(image=image),
        WeightedStyle(image=image, weight=2.5),
        WeightedStyle(name="starry", weight=1),
    ]
    assert fake.requests == [
        translator_pb2.StylizeRequest(
            image=image,
            styles=styles,
            strength=0.8,
            mask=image,
            longest_side=256,
            preserve_colour=True,
            model="gatys",
            optimisation=StyleOptimisation(steps=4, style_weight=9),
            size=ORIGINAL,
            output=image_pb2.ImageOutput(),
        )
    ]
    with Image.open(tmp_path / "new.jpg") as row:
        assert row.size == (2 + 3 * (11 + 2) + 12 + 2, 12)


def test_a_dream_tells_its_seed_and_can_be_a_film(run: Run, fake: Fake, photo: Path, tmp_path: Path) -> None:
    layers = ["--layer", "relu3_2:7=-2", "--layer", "relu4_1"]
    result = run("dream", photo, *layers, "--octaves", 2, "--steps", 3, "--guide", photo, "--film", tmp_path / "d.gif")
    assert result.exit_code == 0, result.stderr
    (request,) = fake.requests
    assert isinstance(request, translator_pb2.DreamRequest)
    assert list(request.targets) == [
        DreamTarget(layer="relu3_2", channel=7, weight=-2),
        DreamTarget(layer="relu4_1"),
    ]
    assert (request.octaves, request.steps, request.preview_every_steps) == (2, 3, 1)
    assert (request.guide, request.HasField("seed"), request.HasField("jitter")) == (to_image(photo), False, False)
    with Image.open(tmp_path / "d.gif") as film:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    assert [frame.size for frame in frames] == [(12, 8)] * 7
    assert result.stdout.splitlines()[1].split()[2:5] == ["0.5", "2", "7"]


def test_json_holds_the_picture_where_no_file_does(run: Run, photo: Path, tmp_path: Path) -> None:
    line = json.loads(run("dream", photo, "--json").stdout)
    with Image.open(io.BytesIO(base64.b64decode(line["response"]["result"]["image"]["encoded"]))) as image:
        assert image.size == (12, 8)
    line = json.loads(run("stylize", photo, "--named", "starry", "--json", "-o", tmp_path / "a.webp").stdout)
    assert (line["file"], line["output"]) == (str(photo), str(tmp_path / "a.webp"))
    assert "image" not in line["response"]["result"]
    with Image.open(tmp_path / "a.webp") as written:
        assert written.format == "WEBP"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["translate"], "say where the pictures are to lie, or ask for --json"),
        (["translate", "-o", "a.gif"], "a.gif cannot be drawn: its name must end with .png"),
        (["stylize", "-o", "a.png"], "give a picture, or a --named style"),
        (["stylize", "-o", "a.png", "--style", "no.jpg"], "no.jpg: No such file or directory"),
        (["stylize", "-o", "a.png", "--named", "starry=much"], "much in starry=much is no weight"),
        (
            ["stylize", "-o", "a.png", "--named", "a", "--strength", "1.1"],
            "Invalid value for '--strength': Input should be less than or equal to 1",
        ),
        (
            ["dream", "-o", "a.png", "--octaves", "0"],
            "Invalid value for '--octaves': Input should be greater than or equal to 1",
        ),
        (["dream", "-o", "a.png", "--layer", "relu1:x"], "x in relu1:x is no channel"),
        (["dream", "--film", "a.png"], "a.png cannot be written: its name must end with .gif"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    run: Run, fake: Fake, photo: Path, arguments: list[str], sentence: str
) -> None:
    result = run(arguments[0], photo, *arguments[1:])
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())
    assert fake.requests == []


def test_a_refusal_of_the_server_is_one_sentence(run: Run, fake: Fake, photo: Path, tmp_path: Path) -> None:
    def refuse(context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "targets[0].layer is 'x'; model 'dream' has relu1_1")

    fake.failures.append(refuse)
    result = run("dream", photo, "--layer", "x", "-o", tmp_path / "a.png")
    assert result.exit_code == 1
    assert result.stderr == f"imago: {photo}: targets[0].layer is 'x'; model 'dream' has relu1_1\n"
