"""The graph makes what the network makes, as bytes of pixels; it takes any batch and is the same file each time."""

import numpy as np
import onnx
import pytest
import torch

from tests.training.export.generators.tiny import SIDE, VALUES, Given, Tiny, TinyCritic, trained
from training.export.engines import Run, onnxruntime_run, openvino_run
from training.export.generators.graph import export_graph, image_shape
from training.export.generators.trained import TrainedGenerator

CLASSES = 10


@pytest.fixture(scope="module")
def players() -> TrainedGenerator:
    return trained(Tiny(CLASSES, channels=1), TinyCritic(1))


@pytest.fixture(scope="module")
def model(players: TrainedGenerator) -> onnx.ModelProto:
    return export_graph(players, facts={"recipe": "tiny"})


@pytest.fixture(scope="module")
def plain() -> onnx.ModelProto:
    """Of a generator without classes or critic, which shows its latent values."""
    return export_graph(trained(Given()))


def shapes(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    return {
        tensor.name: [axis.dim_value or axis.dim_param for axis in tensor.type.tensor_type.shape.dim]
        for tensor in (*model.graph.input, *model.graph.output)
    }


def test_latent_vectors_go_in_and_pixels_come_out(plain: onnx.ModelProto) -> None:
    assert shapes(plain) == {"LATENT": ["batch", VALUES], "IMAGE": ["batch", 3, 4, 1]}
    assert plain.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert image_shape(plain) == (3, 4, 1)


def test_classes_and_the_critic_have_tensors_of_their_own(model: onnx.ModelProto) -> None:
    assert shapes(model) == {
        "LATENT": ["batch", VALUES],
        "LABEL": ["batch", 1],
        "IMAGE": ["batch", SIDE, SIDE, 1],
        "REALNESS": ["batch", 1],
    }
    assert model.graph.input[1].type.tensor_type.elem_type == onnx.TensorProto.INT64


@pytest.mark.parametrize("engine", ["onnxruntime", "OpenVINO"])
def test_values_are_scaled_rounded_and_clipped(plain: onnx.ModelProto, engine: str) -> None:
    """127.5 is the only half that a float32 of -1..1 can mean exactly; it goes to the even step."""
    run: Run = onnxruntime_run(plain, threads=1) if engine == "onnxruntime" else openvino_run(plain, "f32", threads=1)
    steps = np.array([0, 0.4, 0.6, 3.3, 127.5, 128, 200.7, 254.4, 255, -0.3, -200, 300], np.float32)
    (pixels,) = run({"LATENT": (steps / np.float32(127.5) - 1)[np.newaxis]})
    assert pixels.ravel().tolist() == [0, 0, 1, 3, 128, 128, 201, 254, 255, 0, 0, 255]


def test_large_weights_are_stored_in_half_precision_and_parametrisations_are_computed_once(
    model: onnx.ModelProto,
) -> None:
    halves = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert halves == {"generator.grow.weight.half", "generator.show.weight.half", "critic.look.weight.half"}
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"MatMul", "ReduceSum", "Div", "Sqrt"}, "spectral normalisation would divide by a matrix's norm"


def test_equal_weights_give_equal_bytes_and_the_network_is_left_as_it_was(
    players: TrainedGenerator, model: onnx.ModelProto
) -> None:
    again = export_graph(players, facts={"recipe": "tiny"})
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
    assert players.critic is not None
    assert any("parametrizations" in name for name in players.critic.state_dict())
    assert players.critic(torch.zeros(1, 1, SIDE, SIDE)).isfinite().all()
