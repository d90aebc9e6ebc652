"""`imago generate` and `imago interpolate` against a real server: grids, folders and animations of what it makes."""

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
from imago.v1 import gateway_pb2, generator_pb2
from tests.protos.imago.clips import shapes

Run = Callable[..., Result]


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]
    models: list[gateway_pb2.ModelInfo]


@pytest.fixture
def run(fake: Fake) -> Run:
    environment = {"IMAGO_SERVER": fake.address, "COLUMNS": "120", "NO_COLOR": "1"}
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)], env=environment)


def rows(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


def reds(path: Path) -> list[int]:
    """The red of the middle of each picture of a file."""
    with Image.open(path) as opened:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(opened)]
    return [frame.getpixel((frame.width // 2, frame.height // 2))[0] for frame in frames]  # type: ignore[index]


def test_images_become_a_grid_and_the_seed_is_told(run: Run, fake: Fake, tmp_path: Path) -> None:
    result = run("generate", "--model", "fruits", "--count", 5, "-o", tmp_path / "new" / "grid.png")
    assert result.exit_code == 0
    (request,) = fake.requests
    assert isinstance(request, generator_pb2.GenerateRequest)
    assert rows(result)[:4] == [
        ["file", str(tmp_path / "new" / "grid.png")],
        ["images", "5", "of", "12×8"],
        ["model", "face_hog"],
        ["seed", f"{request.seed},", "images", "0-4"],
    ]
    with Image.open(tmp_path / "new" / "grid.png") as grid:
        assert grid.size == (3 * 14 + 2, 2 * 10 + 2)
        assert [grid.getpixel((2 + 14 * (n % 3), 2 + 10 * (n // 3))) for n in range(5)] == [
            (10 * n, 0, 0) for n in range(5)
        ]


def test_flags_become_fields(run: Run, fake: Fake, tmp_path: Path) -> None:
    flags = "-m fruits -n 2 --seed 18446744073709551615 --first 7 --label apple,pear --truncation 0.5"
    assert run("generate", *flags.split(), "-o", tmp_path / "a.png").exit_code == 0
    assert run("generate", "--label", "apple", "-o", tmp_path / "b.png").exit_code == 0
    first, second = fake.requests
    assert first == generator_pb2.GenerateRequest(
        model="fruits", count=2, seed=2**64 - 1, first_index=7, labels=["apple", "pear"], truncation=0.5
    )
    assert isinstance(second, generator_pb2.GenerateRequest)
    assert (list(second.labels), second.count, second.HasField("truncation")) == (["apple"], 16, False)


def test_one_image_is_written_as_it_is_and_can_be_enlarged(run: Run, tmp_path: Path) -> None:
    assert run("generate", "-n", 1, "--zoom", 3, "-o", tmp_path / "one.jpg").exit_code == 0
    with Image.open(tmp_path / "one.jpg") as one:
        assert one.size == (36, 24)


def test_more_images_than_a_call_holds_are_of_one_seed(run: Run, fake: Fake, tmp_path: Path) -> None:
    labels = [f"l{number}" for number in range(130)]
    result = run("generate", "-n", 130, "--first", 4, "--label", ",".join(labels), "-o", tmp_path / "out")
    assert result.exit_code == 0
    requests = [one for one in fake.requests if isinstance(one, generator_pb2.GenerateRequest)]
    assert [(one.count, one.first_index) for one in requests] == [(64, 4), (64, 68), (2, 132)]
    assert [label for one in requests for label in one.labels] == labels
    (seed,) = {one.seed for one in requests}
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"fruits-{seed}-{index:04d}.png" for index in range(4, 134)]
    assert reds(tmp_path / "out" / files[3]) == [70]
    assert ["seed", f"{seed},", "images", "4-133"] in rows(result)


def test_json_is_one_object_an_image_and_holds_it_where_no_file_does(run: Run, tmp_path: Path) -> None:
    result = run("generate", "-n", 2, "--seed", 3, "--json")
    assert result.exit_code == 0
    lines = [json.loads(line)["response"] for line in result.stdout.splitlines()]
    assert [(line["seed"], line["index"], line["latent"]["values"]) for line in lines] == [
        ("3", 0, [0.5]),
        ("3", 1, [0.5]),
    ]
    with Image.open(io.BytesIO(base64.b64decode(lines[1]["image"]["encoded"]))) as image:
        assert image.getpixel((0, 0)) == (10, 0, 0)
    result = run("generate", "-n", 2, "--json", "-o", tmp_path / "grid.webp")
    line = json.loads(result.stdout.splitlines()[1])
    assert line["file"] == str(tmp_path / "grid.webp")
    assert "image" not in line["response"]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_walk_becomes_an_animation(run: Run, fake: Fake, tmp_path: Path, suffix: str) -> None:
    walk = tmp_path / f"walk{suffix}"
    result = run("interpolate", "--stops", 3, "--seed", 9, "--steps", 4, "--rate", 10, "-o", walk)
    assert result.exit_code == 0
    (request,) = fake.requests
    stops = [generator_pb2.InterpolationStop(seed=9, index=index) for index in range(3)]
    assert request == generator_pb2.InterpolateRequest(stops=stops, steps=4)
    assert reds(walk) == [10 * index for index in range(9)]
    with Image.open(walk) as opened:
        opened.load()  # a WebP tells times with its pictures
        assert (opened.info["duration"], opened.info["loop"], opened.size) == (100, 0, (12, 8))
    assert ["seed", "9,", "images", "0-2"] in rows(result)
    # What was made together costs once.
    assert "0.5 ms in queues, 20.0 ms computing, batches of up to 3" in result.stdout


def test_each_stop_may_have_a_seed_and_a_class_of_its_own(run: Run, fake: Fake, tmp_path: Path) -> None:
    seeds = "--seed 5 --seed 6 --label pear --label apple --closed --method linear --truncation 0.5 -m fruits"
    assert run("interpolate", *seeds.split(), "-o", tmp_path / "frames").exit_code == 0
    stops = [{"seed": 5, "label": "pear"}, {"seed": 6, "label": "apple"}]
    assert fake.requests == [
        generator_pb2.InterpolateRequest(
            model="fruits",
            stops=[generator_pb2.InterpolationStop(**stop) for stop in stops],  # type: ignore[arg-type]
            steps=16,
            method=generator_pb2.INTERPOLATION_METHOD_LINEAR,
            closed=True,
            truncation=0.5,
        )
    ]
    frames = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert frames == [f"fruits-{index:04d}.png" for index in range(17)]


def test_a_walk_can_be_a_video(run: Run, tmp_path: Path) -> None:
    assert run("interpolate", "--steps", 3, "--zoom", 4, "-o", tmp_path / "walk.mp4").exit_code == 0
    assert shapes(tmp_path / "walk.mp4") == [(48, 32)] * 7


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["generate", "-n", "2"], "say where the images are to lie, or ask for --json"),
        (["generate", "-o", "grid.gif"], "grid.gif cannot be drawn: its name must end with .jpg"),
        (["generate", "-n", "3", "--label", "a,b", "-o", "a.png"], "give one, or 3 for 3 images"),
        (["interpolate", "-o", "walk.avi"], "walk.avi cannot be drawn: its name must end with .gif"),
        (["interpolate", "--method", "round", "-o", "a.gif"], "there is no round; there are linear and spherical"),
        (
            ["interpolate", "--stops", "3", "--seed", "1", "--seed", "2", "-o", "a.gif"],
            "one for all stops, or one for each",
        ),
        (["interpolate", "--label", "a,b", "-o", "a.gif"], "give one, or 3 for 3 stops"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    run: Run, fake: Fake, arguments: list[str], sentence: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())
    assert fake.requests == []


def test_a_refusal_of_the_server_is_one_sentence(run: Run, fake: Fake, tmp_path: Path) -> None:
    def refuse(context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "labels[0] is 'dog'; model 'fruits' has no classes")

    fake.failures.append(refuse)
    result = run("generate", "--label", "dog", "-o", tmp_path / "a.png")
    assert (result.exit_code, result.stderr) == (1, "imago: labels[0] is 'dog'; model 'fruits' has no classes\n")


def test_models_that_generate_are_described(run: Run, fake: Fake) -> None:
    assert "Kinds of fruit" not in run("models").stdout
    fake.models.append(gateway_pb2.ModelInfo(service="generator", name="fruits", task="image-generation", ready=True))
    result = run("models")
    assert ["fruits", "1", "12×8", "100", "normal", "Kinds", "of", "fruit", "on", "white."] in rows(result)
    told = json.loads(run("models", "--json").stdout)
    assert told["generators"]["models"][0]["spaces"][0]["dimensions"] == [100]
