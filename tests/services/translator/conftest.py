from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from imago.v1 import translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.processes import ServerProcess, server_process
from tests.repositories import write_scale
from tests.services.translator.tiny import (
    FRAME,
    MAPS,
    write_dreamer,
    write_encoder,
    write_optimizer,
    write_stylizer,
    write_translator,
)

Translate = Callable[..., translator_pb2.TranslateResponse]
Stream = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both directions of maps, one way that shrinks and has no batch axis, one with noise; and all the rest."""
    root = tmp_path_factory.mktemp("models")
    write_translator(root, "aerial_to_map")
    write_translator(root, "map_to_aerial", {**MAPS, "direction": "map_to_aerial", "opposite": "aerial_to_map"})
    cows = {"family": "animals", "direction": "cow_to_horse", "opposite": "horse_to_cow", **FRAME, "large": "shrink"}
    write_translator(root, "cow_to_horse", cows, max_batch=0)
    write_translator(root, "dim", {"family": "dim", "direction": "to_dim", **FRAME}, noise=True)
    write_encoder(root)
    write_stylizer(root, styles={"dark": [0.0] * 6, "light": [200.0] * 6})
    write_optimizer(root)
    write_dreamer(root)
    write_dreamer(root, "slow_dream", pace_s=0.02)
    write_scale(root)
    return root


@pytest.fixture(scope="session")
def server(repository: Path) -> Iterator[ServerProcess]:
    limits = ("--max-message-mib=4", "--most-steps=4000")
    with server_process("services.translator", f"--model-repository={repository}", *limits) as server:
        yield server


@pytest.fixture(scope="session")
def stub(server: ServerProcess) -> Iterator[TranslatorServiceStub]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield TranslatorServiceStub(channel)


@pytest.fixture
def translate(stub: TranslatorServiceStub) -> Translate:
    """Call Translate with the fields of the request."""
    return lambda **fields: stub.Translate(translator_pb2.TranslateRequest(**fields), timeout=30)


@pytest.fixture
def stylize(stub: TranslatorServiceStub) -> Stream:
    """Every response of Stylize with the fields of the request."""
    return lambda **fields: list(stub.Stylize(translator_pb2.StylizeRequest(**fields), timeout=30))


@pytest.fixture
def dream(stub: TranslatorServiceStub) -> Stream:
    """Every response of Dream with the fields of the request."""
    return lambda **fields: list(stub.Dream(translator_pb2.DreamRequest(**fields), timeout=30))
