"""An export is proven on 64 images, and a graph that makes others, or others in a batch than alone, is refused."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.training.export.generators.tiny import Compared, Tiny, TinyCritic, trained
from training.errors import TrainingError
from training.export.generators.graph import export_graph
from training.export.generators.proof import expected, prove
from training.export.generators.trained import TrainedGenerator
from training.generators.drawing import draw_latents

TEN = 10


@pytest.fixture(scope="module")
def pair() -> TrainedGenerator:
    return trained(Tiny(TEN), TinyCritic())


@pytest.fixture(scope="module")
def model(pair: TrainedGenerator) -> onnx.ModelProto:
    return export_graph(pair)


def test_what_was_compared_is_told(pair: TrainedGenerator, model: onnx.ModelProto) -> None:
    proofs = prove(pair, model)
    assert [(proof.engine, proof.precision) for proof in proofs][:2] == [("onnxruntime", "f32"), ("OpenVINO", "f32")]
    for proof in proofs:
        assert (proof.images, proof.alone) == (64, 64)
        assert proof.worst <= 2
        assert proof.differing < 0.05  # a pixel differs where rounding falls to the other side
        assert proof.realness is not None
        assert proof.realness < 0.01


def test_latent_vectors_are_those_of_the_seeds_and_classes_come_in_turn(pair: TrainedGenerator) -> None:
    inputs = expected(pair).inputs
    np.testing.assert_array_equal(inputs["LATENT"], draw_latents(pair.latent, range(64)))
    assert inputs["LABEL"][:12, 0].tolist() == [*range(10), 0, 1]
    assert expected(trained(Tiny())).inputs.keys() == {"LATENT"}


def test_a_graph_of_other_weights_is_refused(pair: TrainedGenerator, model: onnx.ModelProto) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    bias: onnx.TensorProto = next(tensor for tensor in other.graph.initializer if tensor.name.endswith("show.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.05), bias.name))
    with pytest.raises(
        TrainingError, match=r"onnxruntime, f32: a pixel of the image of seed \d+ differs by \d+ of 255"
    ):
        prove(pair, other)


def test_a_critic_that_answers_otherwise_is_refused(pair: TrainedGenerator, model: onnx.ModelProto) -> None:
    critic = TinyCritic()
    critic.say.bias.data += 1
    with pytest.raises(TrainingError, match=r"REALNESS differs by 0\.\d+; 0\.02 is allowed"):
        prove(trained(pair.network, critic), model)


def test_an_image_that_depends_on_its_neighbours_is_refused() -> None:
    compared = trained(Compared())
    with pytest.raises(TrainingError, match="in batches of 32 than alone or in smaller ones|differs by"):
        prove(compared, export_graph(compared))
