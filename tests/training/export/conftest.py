"""Networks, exported once for all tests of the folder, and pictures for them."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.training.export.networks import SIZE, Grid
from training.export.detectors.graph import export_graph


@pytest.fixture(scope="session")
def network() -> Grid:
    return Grid()


@pytest.fixture(scope="session")
def graph(network: Grid) -> onnx.ModelProto:
    return export_graph(network, SIZE, facts={"recipe": "grid"})


@pytest.fixture(scope="session")
def single(network: Grid) -> onnx.ModelProto:
    """The same network as a graph of one image."""
    return export_graph(network, SIZE, batched=False)


@pytest.fixture(scope="session")
def pictures() -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (12, 8, 8, 3), np.uint8)
    return list(coarse.repeat(8, 1).repeat(8, 2))
