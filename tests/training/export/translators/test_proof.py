"""An export is proven at three sizes, and a graph that makes other images, or others in company, is refused."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.training.export.translators.tiny import (
    NETWORKS,
    Compared,
    Steep,
    graph,
    local_network,
    pictures,
    trained,
    whole_network,
)
from training.errors import TrainingError
from training.export.translators.configuration import sides_of
from training.export.translators.graph import export_graph
from training.export.translators.pipeline import PROVEN
from training.export.translators.proof import BATCH, Expected, expected, prove
from training.export.translators.trained import TrainedDirection

TILE = 128


def wanted_of(direction: TrainedDirection) -> list[Expected]:
    return expected(direction, pictures(PROVEN), TILE)


def test_held_out_images_the_smallest_ones_and_one_beyond_a_tile_are_compared() -> None:
    sizes = [one.inputs.shape[:3] for one in wanted_of(trained(whole_network()))]
    assert sizes == [(PROVEN, 64, 64), (BATCH, 16, 16), (1, TILE, TILE + 4)]


@pytest.mark.parametrize("kind", ["local", "whole"])
def test_what_was_compared_is_told(kind: str) -> None:
    proofs = prove(wanted_of(trained(NETWORKS[kind]())), graph(kind))
    assert [(proof.engine, proof.precision) for proof in proofs][:2] == [("onnxruntime", "f32"), ("OpenVINO", "f32")]
    for proof in proofs:
        assert proof.images == PROVEN + BATCH + 1
        assert proof.mean < 1
        if proof.precision == "f32":
            assert proof.company <= 1


def test_a_graph_of_other_weights_is_refused() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(graph("local"))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("image.1.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.05), bias.name))
    with pytest.raises(
        TrainingError, match=r"onnxruntime, f32: image \d+ of 64 x 64 differs from the trained network's by [\d.]+ of"
    ):
        prove(wanted_of(trained(local_network())), model)


def test_a_graph_that_gives_another_size_is_refused() -> None:
    wanted = [Expected(one.inputs, one.outputs[:, ::2]) for one in wanted_of(trained(local_network()))]
    with pytest.raises(TrainingError, match="images of 64 x 64 come back as"):
        prove(wanted, graph("local"))


def test_an_image_that_depends_on_its_neighbours_is_refused() -> None:
    compared = trained(Compared())
    images = pictures(1).repeat(BATCH, 0)  # alike, so that in a batch of them nothing shows but who is alone
    images[1:] = 255 - images[1:]
    with pytest.raises(TrainingError, match=f"in a batch of {BATCH} from the same alone"):
        prove(expected(compared, images, TILE)[:1], export_graph(compared))


def test_weights_that_must_be_whole_are_told_by_the_difference() -> None:
    steep = trained(Steep())
    wanted = wanted_of(steep)
    with pytest.raises(TrainingError, match="differs"):
        prove(wanted, export_graph(steep, half=True))
    assert prove(wanted, export_graph(steep, half=False))


def test_large_images_are_tiled_where_parts_come_out_by_themselves_and_shrunk_elsewhere() -> None:
    local, whole = sides_of(trained(local_network())), sides_of(trained(whole_network()))
    assert (local.multiple, local.least, local.tile, local.overlap, local.large) == (8, 8, 256, 64, "tile")
    assert (whole.multiple, whole.least, whole.tile, whole.overlap, whole.large) == (4, 16, 64, 16, "shrink")


def test_a_tile_that_the_network_does_not_take_is_refused() -> None:
    assert sides_of(trained(local_network()), tile=8).overlap == 0
    for tile in (100, 4, 0):
        with pytest.raises(TrainingError, match=f"--tile {tile}: the network takes multiples of 8 from 8 on"):
            sides_of(trained(local_network()), tile)
