"""The two graphs of a feed-forward styliser give what the network gives, at any size, and tiles fit each other."""

import numpy as np
import onnx
import pytest
import torch

from training.errors import TrainingError
from training.export.engines import onnxruntime_run
from training.export.stylisers.graph import (
    CONTENT,
    IMAGE,
    STRENGTH,
    STYLE,
    ServedEncoder,
    ServedStylizer,
    export_encoder,
    export_stylizer,
)
from training.export.stylisers.proof import prove_stylizer
from training.features.reference import reference_images
from training.features.stack import orthogonal_stack
from training.stylisation.adain import Stylizer

Pixels = np.ndarray


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    """With a decoder that answers to styles, which a new one does not."""
    torch.manual_seed(1)
    stack = orthogonal_stack(((6, 6), (8, 8)), 1)
    stack.normalise(reference_images(64))
    network = Stylizer(stack.until("relu2_1", reflected=True))
    for modulation in network.decoder.modulations:
        torch.nn.init.normal_(modulation.get_parameter("weight"), std=0.05)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model(stylizer: Stylizer) -> onnx.ModelProto:
    return export_stylizer(stylizer, half=True, facts={"recipe": "tiny"})


def photographs(height: int, width: int) -> Pixels:
    images = ((reference_images(128)[:2, :, :height, :width] + 1) * 127.5).byte()
    return np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())


def shapes(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: len(tensor.type.tensor_type.shape.dim) for tensor in (*model.graph.input, *model.graph.output)}


def test_statistics_are_the_encoders_own_at_every_size(stylizer: Stylizer) -> None:
    model = export_encoder(stylizer, half=False, facts={})
    assert shapes(model) == {"IMAGE": 4, "STATISTICS": 2}
    run = onnxruntime_run(model, threads=1)
    for height, width in ((32, 40), (96, 64)):
        pixels = photographs(height, width)
        wanted = ServedEncoder(stylizer.encoder)(torch.from_numpy(pixels)).numpy()
        assert wanted.shape == (2, stylizer.encoder.values)
        np.testing.assert_allclose(run({IMAGE: pixels})[0], wanted, rtol=1e-4, atol=1e-5)  # float32


def test_pixels_are_the_networks_own_and_strength_0_knows_no_style(stylizer: Stylizer, model: onnx.ModelProto) -> None:
    run, pixels = onnxruntime_run(model, threads=1), photographs(48, 64)
    codes = ServedEncoder(stylizer.encoder)(torch.from_numpy(pixels)).numpy()
    inputs = {IMAGE: pixels, CONTENT: codes, STYLE: codes[::-1].copy(), STRENGTH: np.array([[1], [0]], np.float32)}
    (made,) = run(inputs)
    wanted = ServedStylizer(stylizer)(*map(torch.from_numpy, inputs.values())).numpy()
    assert made.shape == pixels.shape
    assert np.abs(made.astype(int) - wanted).max() <= 2  # rounding, and weights of 11 bits
    (other,) = run(inputs | {STYLE: codes + 1})
    assert (other[1] == made[1]).all()
    assert (other[0] != made[0]).any()


def test_a_tile_with_the_statistics_of_the_whole_is_a_part_of_the_whole(
    stylizer: Stylizer, model: onnx.ModelProto
) -> None:
    run, pixels = onnxruntime_run(model, threads=1), photographs(96, 128)
    codes = ServedEncoder(stylizer.encoder)(torch.from_numpy(pixels)).numpy()
    inputs = {CONTENT: codes, STYLE: codes[::-1].copy(), STRENGTH: np.ones((2, 1), np.float32)}
    (whole,) = run({IMAGE: pixels, **inputs})
    (tile,) = run({IMAGE: np.ascontiguousarray(pixels[:, :, 32:96]), **inputs})
    margin = 16  # what an edge can reach: seven convolutions, some at half the size
    apart = np.abs(whole[:, :, 32 + margin : 96 - margin].astype(int) - tile[:, :, margin:-margin])
    assert apart.max() <= 1  # other sizes may add in another order


def test_a_graph_that_gives_something_else_is_refused(stylizer: Stylizer, model: onnx.ModelProto) -> None:
    other = Stylizer(stylizer.encoder.stack).eval()
    with pytest.raises(TrainingError, match="onnxruntime, f32: the exported graph gives something else: pixels within"):
        prove_stylizer(other, model)
