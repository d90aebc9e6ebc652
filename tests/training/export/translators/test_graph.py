"""The graph makes what the network makes, as bytes of pixels, for any number of images of any size that it takes."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.training.export.translators.tiny import Framed, Same, graph, local_network, pictures, trained
from training.errors import TrainingError
from training.export.engines import onnxruntime_run, openvino_run
from training.export.translators.graph import example_sides, export_graph
from training.export.translators.proof import MEAN_TOLERANCE, WORST_TOLERANCE
from training.metrics.translation.images import translate_pixels


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return graph("local")


def test_images_of_any_number_and_size_go_in_and_come_out(model: onnx.ModelProto) -> None:
    for tensor in (model.graph.input[0], model.graph.output[0]):
        axes = [axis.dim_value or axis.dim_param for axis in tensor.type.tensor_type.shape.dim]
        assert axes == ["batch", "height", "width", 3]
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("IMAGE", "TRANSLATED")


@pytest.mark.parametrize(("count", "height", "width"), [(1, 8, 8), (3, 16, 40), (2, 64, 24)])
def test_each_of_them_is_the_networks(model: onnx.ModelProto, count: int, height: int, width: int) -> None:
    images = np.ascontiguousarray(pictures(count)[:, :height, :width])
    wanted = translate_pixels(local_network(), images).astype(int)
    for run in (onnxruntime_run(model, threads=1), openvino_run(model, "f32", threads=1)):
        (found,) = run({"IMAGE": images})
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= WORST_TOLERANCE  # weights of 11 bits
        assert np.abs(found - wanted).mean() < MEAN_TOLERANCE["f32"]


@pytest.mark.parametrize("engine", ["onnxruntime", "OpenVINO"])
def test_what_a_network_leaves_as_it_is_comes_back_to_the_byte(engine: str) -> None:
    same = export_graph(trained(Same()))
    every: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    run = onnxruntime_run(same, threads=1) if engine == "onnxruntime" else openvino_run(same, "f32", threads=1)
    np.testing.assert_array_equal(run({"IMAGE": every})[0], every)


def test_equal_weights_give_equal_bytes(model: onnx.ModelProto) -> None:
    again = export_graph(trained(local_network()))
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
    halves = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16]
    assert halves, "large weights are stored in half precision"


def test_the_sides_of_the_example_are_taken_by_the_network_and_not_equal() -> None:
    assert example_sides(32, 32) == (64, 96)
    assert example_sides(128, 128) == (128, 256)
    assert example_sides(4, 100) == (100, 104)


def test_a_network_that_knows_one_size_does_not_export() -> None:
    with pytest.raises(TrainingError, match="does not export to ONNX|fixes the size"):
        export_graph(trained(Framed()))
