"""The containers: every service starts from nothing but what its Dockerfile copies and installs."""

import asyncio
import json
import shlex
import urllib.request
from pathlib import Path

import pytest

from deploy.stack import HOST, Process, Service
from tests.deploy.container import DOCKERFILES, ROOT, boundary, closure, copy_into, final_stage, group_of
from tests.services.generator.tiny import write_generator


def name_of(dockerfile: Path) -> str:
    return dockerfile.parent.name


def instructions(dockerfile: Path, name: str) -> list[str]:
    return [rest for instruction, rest in final_stage(dockerfile) if instruction == name]


def mounted(dockerfile: Path, app: Path, folder: Path) -> tuple[str, ...]:
    """The setting that names a repository beside the image, for a model server that came without a model."""
    if name_of(dockerfile) == "gateway" or any(app.glob("services/*/**/config.pbtxt")):
        return ()
    write_generator(folder, "some")
    return (f"--model-repository={folder}",)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name_of)
async def test_a_service_starts_serves_and_drains_with_only_what_its_image_holds(
    dockerfile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, site = tmp_path / "app", tmp_path / "site"
    copy_into(app, dockerfile)
    site.mkdir()
    (site / "sitecustomize.py").write_text(boundary(group_of(dockerfile)))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = sorted(app.rglob("*"))
    entrypoint = json.loads(instructions(dockerfile, "ENTRYPOINT")[0])
    assert entrypoint[:2] == ["python", "-m"]
    said: list[str] = []
    models = mounted(dockerfile, app, tmp_path / "mounted")
    service = Service(name_of(dockerfile), entrypoint[2], grpc_port=0, http_port=0, arguments=models, folder=app)
    process = await Process.start(service, tmp_path / "ports.json", lambda _, line: said.append(line))
    try:
        ports = await process.ready()
        answer = await asyncio.to_thread(urllib.request.urlopen, f"http://{HOST}:{ports.http}/livez", timeout=10)
        with answer:
            assert answer.status == 200
    finally:
        assert await process.stop() == 0, "\n".join(said)
    assert sorted(app.rglob("*")) == before, "a read-only root would have refused these files"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name_of)
def test_no_image_holds_what_serving_does_not_need(dockerfile: Path) -> None:
    packages = set(closure(group_of(dockerfile)))
    assert not packages & {"torch", "torchvision", "ultralytics", "pytest", "mypy", "grpcio-tools"}
    if name_of(dockerfile) == "gateway":
        assert not packages & {"onnxruntime", "openvino", "opencv-python", "dlib-bin"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name_of)
def test_every_image_runs_as_a_numeric_user_that_is_not_root_and_stops_by_sigterm(dockerfile: Path) -> None:
    user, _, group = instructions(dockerfile, "USER")[0].partition(":")
    assert int(user) >= 10000
    assert int(group) >= 10000
    assert instructions(dockerfile, "STOPSIGNAL") == ["SIGTERM"]
    assert not instructions(dockerfile, "HEALTHCHECK"), "probes are the platform's"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name_of)
def test_versions_are_locked_and_the_base_image_is_an_argument(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert text.count("FROM ${BASE_IMAGE}") == text.count("FROM ") == 2
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert all("-c requirements.lock" in line for line in installs)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=name_of)
def test_the_builder_is_sent_everything_that_is_copied(dockerfile: Path) -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for rest in instructions(dockerfile, "COPY"):
        if not rest.startswith("--from="):
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists()
                assert any(source == folder or source.startswith(f"{folder}/") for folder in sent)
