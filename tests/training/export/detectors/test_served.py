"""What export writes is what the runtime serves: Triton's client gets the graph's numbers, whatever the batch."""

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput

from tests.processes import server_process
from tests.training.export.networks import CELLS
from training.export.detectors.configuration import DetectorInterface
from training.export.detectors.engines import onnxruntime_engine
from training.export.repository import Card, Place, write_model

LABELS = ("without_mask", "with_mask", "mask_weared_incorrect")


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, graph: onnx.ModelProto, single: onnx.ModelProto
) -> Iterator[InferenceServerClient]:
    root = tmp_path_factory.mktemp("repository")
    for name, model in (("masks", graph), ("single", single)):
        interface = DetectorInterface(name, LABELS, 0.25, ("f32",), "Apache-2.0")
        write_model(Place(root, name), interface, model, Card(f"# {name}\n"))
    with (
        server_process("services.runtime", f"--model-repository={root}") as server,
        InferenceServerClient(server.grpc_address) as client,
    ):
        yield client


def image(pixels: NDArray[np.uint8]) -> list[InferInput]:
    return [InferInput("IMAGE", list(pixels.shape), "UINT8").set_data_from_numpy(pixels)]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_batch_is_answered_with_the_graphs_numbers(
    client: InferenceServerClient, graph: onnx.ModelProto, pictures: list[NDArray[np.uint8]], rows: int
) -> None:
    pixels = np.stack(pictures[:rows])
    result = client.infer("masks", image(pixels))
    boxes, scores = onnxruntime_engine(graph, threads=1)(pixels)
    # The server runs OpenVINO in f32: the same sums in another order.
    np.testing.assert_allclose(result.as_numpy("BOXES"), boxes, atol=1e-3)
    np.testing.assert_allclose(result.as_numpy("SCORES"), scores, atol=1e-4)


def test_a_graph_of_one_image_is_answered_without_a_batch_axis(
    client: InferenceServerClient, single: onnx.ModelProto, pictures: list[NDArray[np.uint8]]
) -> None:
    result = client.infer("single", image(pictures[0]))
    boxes, scores = onnxruntime_engine(single, threads=1)(pictures[0][np.newaxis])
    assert result.as_numpy("BOXES").shape == (CELLS, 4)
    np.testing.assert_allclose(result.as_numpy("BOXES"), boxes[0], atol=1e-3)
    np.testing.assert_allclose(result.as_numpy("SCORES"), scores[0], atol=1e-4)


def test_the_client_sees_the_configuration(client: InferenceServerClient) -> None:
    config = client.get_model_config("masks").config
    assert (config.max_batch_size, config.parameters["imago.task"].string_value) == (32, "object-detection")
    assert client.get_model_config("single").config.max_batch_size == 0
