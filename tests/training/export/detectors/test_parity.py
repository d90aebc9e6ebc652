"""An export is proven on pictures, and a graph that finds something else is refused with what it lost."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.training.export.networks import Grid
from training.errors import TrainingError
from training.export.detectors.matching import Found
from training.export.detectors.parity import prove
from training.export.detectors.trained import own_detections

Pictures = list[NDArray[np.uint8]]


def engines(proofs: Sequence[object]) -> list[tuple[str, str]]:
    return [(proof.engine, proof.precision) for proof in proofs]  # type: ignore[attr-defined]


@pytest.mark.parametrize("which", ["graph", "single"])
def test_what_was_compared_is_told(
    network: Grid, pictures: Pictures, which: str, request: pytest.FixtureRequest
) -> None:
    model: onnx.ModelProto = request.getfixturevalue(which)
    proofs = prove(network, model, pictures, own_detections(network), 0.6)
    assert engines(proofs)[:2] == [("onnxruntime", "f32"), ("OpenVINO", "f32")]
    for proof in proofs[:2]:
        assert (proof.images, proof.threshold) == (len(pictures), 0.6)
        assert proof.detections > len(pictures)
        assert 0.99 <= proof.worst_iou <= 1
        assert 0 <= proof.worst_score <= 0.01
        assert proof.raw is not None
        assert proof.raw[0] < 0.05


def test_a_threshold_that_nothing_reaches_is_lowered_until_there_is_something_to_compare(
    network: Grid, graph: onnx.ModelProto, pictures: Pictures
) -> None:
    proof = prove(network, graph, pictures, own_detections(network), 0.9999)[0]
    assert proof.threshold < 0.9999
    assert proof.detections > 0


def test_a_graph_of_other_weights_is_refused(graph: onnx.ModelProto, network: Grid, pictures: Pictures) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    bias = next(tensor for tensor in other.graph.initializer if tensor.name.endswith("layers.6.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.05), bias.name))
    sentence = (
        r"image 0 in onnxruntime, f32: the network's detection of class \d at \(.*\) with score 0\.\d+ has no equal"
    )
    with pytest.raises(TrainingError, match=sentence):
        prove(network, other, pictures, own_detections(network), 0.6)


def test_a_detection_that_only_the_trainer_reports_is_refused(
    graph: onnx.ModelProto, network: Grid, pictures: Pictures
) -> None:
    def invented(images: Sequence[NDArray[np.uint8]], threshold: float) -> list[Found]:
        one = Found(np.array([[0, 0, 3, 3]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
        return [one] * len(images)

    with pytest.raises(TrainingError, match="the trainer's detection of class 0 at"):
        prove(network, graph, pictures, invented, 0.6)


def test_without_a_picture_nothing_is_proven(graph: onnx.ModelProto, network: Grid) -> None:
    with pytest.raises(TrainingError, match="there is no image"):
        prove(network, graph, [], own_detections(network), 0.6)


def test_the_trainers_own_report_holds_what_reaches_the_threshold(network: Grid, pictures: Pictures) -> None:
    reported = own_detections(network)(pictures[:2], 0.6)
    with torch.inference_mode():
        (whole,) = network([torch.from_numpy(pictures[0]).permute(2, 0, 1).float() / 255])
    assert len(reported[0]) == int((whole["scores"] >= 0.6).sum())
    assert reported[0].scores.min() >= 0.6
