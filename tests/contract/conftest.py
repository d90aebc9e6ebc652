"""One real server process for all contract tests, and Triton's clients of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import tritonclient.grpc
import tritonclient.grpc.aio

from tests.contract.models import build_repository
from tests.processes import ServerProcess, server_process


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    build_repository(root)
    return root


@pytest.fixture(scope="session")
def server(repository: Path) -> Iterator[ServerProcess]:
    with server_process("services.runtime", f"--model-repository={repository}") as server:
        yield server


@pytest.fixture
def client(server: ServerProcess) -> Iterator[tritonclient.grpc.InferenceServerClient]:
    with tritonclient.grpc.InferenceServerClient(server.grpc_address) as client:
        yield client


@pytest.fixture
async def aio_client(server: ServerProcess) -> AsyncIterator[tritonclient.grpc.aio.InferenceServerClient]:
    async with tritonclient.grpc.aio.InferenceServerClient(server.grpc_address) as client:
        yield client
