"""The graph computes what the network computes, takes any batch, and is the same file each time."""

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from tests.training.export.networks import CELLS, CLASSES, SIZE, Grid, OfTwoImages
from training.errors import TrainingError
from training.export.detectors.engines import onnxruntime_engine, openvino_engine, torch_engine
from training.export.detectors.graph import candidates_of, export_graph, is_batched

Pictures = list[NDArray[np.uint8]]


@pytest.mark.parametrize("rows", [1, 2, 3, 12])
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_any_batch_gives_what_the_network_gives(
    network: Grid, graph: onnx.ModelProto, pictures: Pictures, rows: int, engine: str
) -> None:
    infer = (
        onnxruntime_engine(graph, threads=1) if engine == "onnxruntime" else openvino_engine(graph, "f32", threads=1)
    )
    boxes, scores = infer(np.stack(pictures[:rows]))
    expected_boxes, expected_scores = torch_engine(network)(np.stack(pictures[:rows]))
    assert (boxes.shape, scores.shape) == ((rows, CELLS, 4), (rows, CELLS, CLASSES))
    assert boxes.dtype == scores.dtype == np.float32
    # Weights have 11 bits in the file: three layers of sums of some hundred products, boxes of up to 20 pixels.
    np.testing.assert_allclose(boxes, expected_boxes, atol=0.05)
    np.testing.assert_allclose(scores, expected_scores, atol=0.01)


def test_a_graph_of_one_image_has_no_batch_axis(single: onnx.ModelProto, network: Grid, pictures: Pictures) -> None:
    assert not is_batched(single)
    shapes = [
        [axis.dim_value for axis in end.type.tensor_type.shape.dim]
        for end in (*single.graph.input, *single.graph.output)
    ]
    assert shapes == [[SIZE, SIZE, 3], [CELLS, 4], [CELLS, CLASSES]]
    boxes, _ = onnxruntime_engine(single, threads=1)(pictures[0][np.newaxis])
    np.testing.assert_allclose(boxes, torch_engine(network)(pictures[0][np.newaxis])[0], atol=0.05)


def test_bytes_of_pixels_go_in_and_the_batch_is_named(graph: onnx.ModelProto) -> None:
    image = graph.graph.input[0]
    assert (image.name, image.type.tensor_type.elem_type) == ("IMAGE", onnx.TensorProto.UINT8)
    assert image.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [output.name for output in graph.graph.output] == ["BOXES", "SCORES"]
    assert (is_batched(graph), candidates_of(graph)) == (True, (CELLS, CLASSES))


def test_large_weights_are_stored_in_half_precision_and_nothing_else(graph: onnx.ModelProto) -> None:
    halves = {tensor.name for tensor in graph.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert halves == {f"detector.layers.{number}.weight.half" for number in (0, 3, 6)}
    assert (
        len(graph.SerializeToString()) < 1.2 * 2 * sum(value.numel() for value in Grid().state_dict().values()) + 8000
    )


def test_weights_beyond_the_range_of_a_half_stay_as_they_are(network: Grid, pictures: Pictures) -> None:
    large = Grid()
    large.load_state_dict(network.state_dict())
    with torch.no_grad():
        large.state_dict()["layers.6.weight"][0, 0, 0, 0] = 1e6
    exported = export_graph(large, SIZE)
    halves = {tensor.name for tensor in exported.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert "detector.layers.6.weight.half" not in halves
    assert np.isfinite(onnxruntime_engine(exported, threads=1)(pictures[0][np.newaxis])[0]).all()


def test_equal_weights_give_equal_bytes(graph: onnx.ModelProto, network: Grid) -> None:
    again = export_graph(network, SIZE, facts={"recipe": "grid"})
    assert again.SerializeToString(deterministic=True) == graph.SerializeToString(deterministic=True)


def test_the_file_says_its_recipe_and_names_no_file_of_this_machine(graph: onnx.ModelProto) -> None:
    assert {entry.key: entry.value for entry in graph.metadata_props} == {"recipe": "grid"}
    assert graph.producer_name == "imago"
    written = graph.SerializeToString()
    assert b".py" not in written
    assert b"site-packages" not in written


def test_a_network_that_fixes_the_batch_is_refused() -> None:
    with pytest.raises(TrainingError, match="does not export|fixes the batch"):
        export_graph(OfTwoImages(), SIZE)
