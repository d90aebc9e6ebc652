"""A YOLO of ultralytics is a detector like the others: same candidates, same detections, same graph."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import box_convert, box_iou

from tests.training.detectors.yolos import CELLS, CLASSES, SIZE, tiny_yolo
from training.detectors.registry import build_detector
from training.detectors.yolo_network import YoloRaw, build_yolo
from training.detectors.yolo_package import prepare, ultralytics
from training.errors import TrainingError
from training.export.detectors.engines import onnxruntime_engine
from training.export.detectors.graph import export_graph
from training.recipe import Model

HEADS = {"one head": {}, "many cells": {"two_heads": True}, "one cell": {"two_heads": True, "end_to_end": True}}


@pytest.fixture(params=HEADS)
def yolo(request: pytest.FixtureRequest) -> YoloRaw:
    return tiny_yolo(**HEADS[request.param])


def pictures(count: int) -> list[NDArray[np.uint8]]:
    coarse = np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return list(coarse.repeat(8, 1).repeat(8, 2))


def as_tensors(images: list[NDArray[np.uint8]]) -> list[Tensor]:
    return [torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in images]


@torch.no_grad()
@pytest.mark.parametrize("head", ["one head", "many cells"])
def test_candidates_are_those_that_ultralytics_decodes(head: str) -> None:
    yolo = tiny_yolo(**HEADS[head])
    images = torch.stack(as_tensors(pictures(2)))
    boxes, scores = yolo.raw(images)
    decoded = yolo.network.eval()(images)[0].transpose(1, 2)
    assert (boxes.shape, scores.shape) == ((2, CELLS, 4), (2, CELLS, CLASSES))
    expected = box_convert(decoded[..., :4], "cxcywh", "xyxy").clamp(0, SIZE)
    torch.testing.assert_close(boxes, expected, atol=1e-3, rtol=0)  # pixels; both are sums of float32
    torch.testing.assert_close(scores, decoded[..., 4:])


@torch.no_grad()
def test_the_head_without_suppression_gives_its_own_candidates() -> None:
    yolo = tiny_yolo(two_heads=True, end_to_end=True)
    images = torch.stack(as_tensors(pictures(1)))
    boxes, scores = yolo.raw(images)
    yolo.network.eval()
    yolo.head.end2end = True
    best = yolo.network(images)[0][0, 0]  # edges, score, class of the strongest
    cell, label = divmod(int(scores[0].argmax()), CLASSES)
    assert label == int(best[5])
    torch.testing.assert_close(scores[0, cell, label], best[4])
    torch.testing.assert_close(boxes[0, cell], best[:4].clamp(0, SIZE), atol=1e-3, rtol=0)


@pytest.mark.parametrize("head", ["one head", "one cell"])
def test_its_graph_gives_the_same_for_one_image_and_for_three(head: str) -> None:
    yolo = tiny_yolo(**HEADS[head])
    infer = onnxruntime_engine(export_graph(yolo, SIZE, half=False), threads=1)
    for count in (1, 3):
        images = pictures(count)
        with torch.no_grad():
            boxes, scores = yolo.raw(torch.stack(as_tensors(images)))
        theirs = infer(np.stack(images))
        np.testing.assert_allclose(theirs[0], boxes, atol=1e-4 * SIZE)  # a ten-thousandth of the image's side
        np.testing.assert_allclose(theirs[1], scores, atol=1e-4)


@torch.no_grad()
def test_it_finds_what_the_trainer_reports(yolo: YoloRaw) -> None:
    images = pictures(3)
    reported = yolo.trainer_detections(images, threshold=0.3)
    assert sum(len(found["scores"]) for found in reported) > 3
    for ours, theirs in zip(yolo(as_tensors(images)), reported, strict=True):
        for box, score, label in zip(theirs["boxes"], theirs["scores"], theirs["labels"], strict=True):
            area = (box[2] - box[0]) * (box[3] - box[1])
            if area <= 1:  # drawn weights also give boxes that are inside out
                continue
            same = (ours["labels"] == int(label)) & ((ours["scores"] - float(score)).abs() < 1e-3)
            overlaps = box_iou(torch.from_numpy(box)[None], ours["boxes"])[0]
            # suppression of boxes cut at the image's edge may keep another one of those that are nearly the same
            assert (overlaps[ours["labels"] == int(label)] > 0.7).any() or bool(same.any())


def test_the_predictor_leaves_network_and_threads_as_they_were() -> None:
    yolo, threads = tiny_yolo(), torch.get_num_threads()
    before = {name: value.clone() for name, value in yolo.state_dict().items()}
    yolo.trainer_detections(pictures(1))
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in yolo.state_dict().items())


def test_ultralytics_is_offline_and_keeps_its_settings_away_from_home() -> None:
    prepare()
    utils = ultralytics("utils")
    assert utils.ONLINE is False
    assert utils.SETTINGS["sync"] is False
    assert not any(utils.SETTINGS[name] for name in ("clearml", "comet", "dvc", "mlflow", "wandb"))
    assert Path.home() not in Path(utils.SETTINGS.file).parents
    assert os.environ["ULTRALYTICS_API_KEY"] == ""


def test_the_registry_builds_it_with_its_options() -> None:
    options = {"end_to_end": True, "training": {"close_mosaic": 1}}
    detector = build_detector(Model(name="yolo26n", size=64, options=options), ("a", "b"))
    assert isinstance(detector, YoloRaw)
    assert detector.end_to_end
    with torch.no_grad():
        boxes, scores = detector.raw(torch.zeros(1, 3, 64, 64))
    assert (boxes.shape, scores.shape) == ((1, CELLS, 4), (1, CELLS, 2))


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(TrainingError, match="must be a multiple of 32 for a YOLO, got 100"):
        build_yolo("yolo11n", 3, 100)
    with pytest.raises(TrainingError, match="only YOLO26 has a head that needs no suppression"):
        build_yolo("yolo11n", 3, 64, end_to_end=True)
    with pytest.raises(TrainingError, match="there is no YOLO 'yolo99n'"):
        build_yolo("yolo99n", 3, 64)


def test_images_of_another_size_and_training_in_our_loop_are_refused() -> None:
    yolo = tiny_yolo()
    with pytest.raises(TrainingError, match="takes images of 64 x 64, got 32 x 64"):
        yolo([torch.zeros(3, 64, 32)])
    with pytest.raises(TrainingError, match="ultralytics' own loop"):
        yolo([torch.zeros(3, 64, 64)], [{}])
    yolo.train()
    with pytest.raises(TrainingError, match="ultralytics' own loop"):
        yolo([torch.zeros(3, 64, 64)])
