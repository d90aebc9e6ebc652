from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from imago.v1 import generator_pb2
from imago.v1.generator_pb2_grpc import GeneratorServiceStub
from tests.processes import ServerProcess, server_process
from tests.repositories import write_scale
from tests.services.generator.tiny import FRUITS, LATENT, write_generator

Generate = Callable[..., generator_pb2.GenerateResponse]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default generator, one with classes and a critic, a grey one without a batch axis, and a model of no task."""
    root = tmp_path_factory.mktemp("models")
    write_generator(root, "digits", versions=(1, 2))
    write_generator(root, "classes", labels=FRUITS, critic=True)
    uniform = {**LATENT, "distribution": "uniform", "location": 1, "scale": 0.5}
    write_generator(root, "one_grey", channels=1, max_batch=0, latent=uniform)
    write_scale(root)
    return root


@pytest.fixture(scope="session")
def server(repository: Path) -> Iterator[ServerProcess]:
    with server_process("services.generator", f"--model-repository={repository}", "--max-message-mib=1") as server:
        yield server


@pytest.fixture(scope="session")
def stub(server: ServerProcess) -> Iterator[GeneratorServiceStub]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield GeneratorServiceStub(channel)


@pytest.fixture
def generate(stub: GeneratorServiceStub) -> Generate:
    """Call Generate with the fields of the request."""

    def call(**fields: Any) -> generator_pb2.GenerateResponse:
        return stub.Generate(generator_pb2.GenerateRequest(**fields), timeout=30)

    return call
