"""torchvision's detectors, as every other detector here: labels from 0, and candidates as a server needs them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import detection
from torchvision.ops import batched_nms

from training.detectors.registry import build_detector
from training.errors import TrainingError
from training.recipe import Model

CLASSES = ("a", "b", "c")
SMALL_REGIONS = {"box_batch_size_per_image": 16, "rpn_post_nms_top_n_train": 64, "rpn_post_nms_top_n_test": 64}


def built(name: str, size: int = 64, *, weights: str = "", **options: Any) -> Any:
    torch.manual_seed(3)
    return build_detector(Model(name=name, size=size, weights=weights, options=options), CLASSES)


def target(*labels: int) -> dict[str, Tensor]:
    return {"boxes": torch.tensor((8.0, 8.0, 40.0, 48.0)).repeat(len(labels), 1), "labels": torch.tensor(labels).long()}


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("ssdlite320_mobilenet_v3_large", 64, {}),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 64, SMALL_REGIONS),
        ("fasterrcnn_resnet50_fpn", 64, SMALL_REGIONS),
        ("ssd300_vgg16", 300, {}),
    ],
)
def test_losses_can_be_followed_back_and_labels_begin_at_0(name: str, size: int, options: dict[str, Any]) -> None:
    detector = built(name, size, **options)
    images = [torch.rand(3, size, size) for _ in range(1 if size == 300 else 2)]  # VGG-16 is slow on a CPU
    losses = detector(images, [target(0, 2), target()][: len(images)])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad():
        found = detector.eval()(images[:1])[0]
    assert set(found) == {"boxes", "scores", "labels"}
    assert set(found["labels"].tolist()) <= {0, 1, 2}


def test_boxes_without_an_area_are_an_image_without_objects() -> None:
    detector = built("ssdlite320_mobilenet_v3_large")
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    assert all(torch.isfinite(loss) for loss in detector([torch.rand(3, 64, 64)] * 2, [empty, empty]).values())


@pytest.mark.parametrize(("name", "size"), [("ssdlite320_mobilenet_v3_large", 96), ("ssd300_vgg16", 300)])
@torch.no_grad()
def test_suppressed_candidates_are_the_detections(name: str, size: int) -> None:
    detector = built(name, size).eval()
    for weights in detector.network.head.parameters():
        weights.mul_(0.01)  # an untrained VGG is so sure of everything that the order of scores of 1 is chance
    images = torch.rand(1 if size == 300 else 2, 3, size, size)
    detections, (boxes, scores) = detector(list(images)), detector.raw(images)
    assert boxes.shape == (len(images), boxes.shape[1], 4)
    assert scores.shape == (len(images), boxes.shape[1], 3)
    assert boxes.min() >= 0
    assert boxes.max() <= size
    network = detector.network
    for found, image_boxes, image_scores in zip(detections, boxes, scores, strict=True):
        kept_scores, kept = zip(
            *(image_scores[:, label].topk(min(network.topk_candidates, len(image_boxes))) for label in range(3)),
            strict=True,
        )
        labels = torch.arange(3).repeat_interleave(len(kept[0]))
        all_scores, all_boxes = torch.cat(kept_scores), image_boxes[torch.cat(kept)]
        usable = all_scores > network.score_thresh
        all_boxes, all_scores, labels = all_boxes[usable], all_scores[usable], labels[usable]
        best = batched_nms(all_boxes, all_scores, labels, network.nms_thresh)[: network.detections_per_img]
        # float32 in another order of operations; positions are up to 300
        torch.testing.assert_close(all_boxes[best], found["boxes"], atol=1e-3, rtol=0)
        torch.testing.assert_close(all_scores[best], found["scores"], atol=1e-5, rtol=0)
        assert torch.equal(labels[best], found["labels"])


@torch.no_grad()
def test_our_ssd300_is_torchvisions() -> None:
    ours = built("ssd300_vgg16", 300).network.eval()
    theirs = detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=4).eval()
    theirs.load_state_dict(ours.state_dict())
    image = [torch.rand(3, 300, 300)]
    for name, values in ours(image)[0].items():
        assert torch.equal(values, theirs(image)[0][name])


@torch.no_grad()
def test_candidates_do_not_depend_on_the_batch() -> None:
    detector, images = built("ssdlite320_mobilenet_v3_large").eval(), torch.rand(3, 3, 64, 64)
    boxes, scores = detector.raw(images)
    for number in range(3):
        one_boxes, one_scores = detector.raw(images[number : number + 1])
        # other batch sizes take other convolution kernels
        torch.testing.assert_close(boxes[number], one_boxes[0], atol=1e-3, rtol=0)
        torch.testing.assert_close(scores[number], one_scores[0], atol=1e-4, rtol=0)


@torch.no_grad()
def test_faster_rcnn_shows_its_detections_with_a_score_for_one_class_each() -> None:
    detector = built("fasterrcnn_mobilenet_v3_large_320_fpn", box_score_thresh=0.0).eval()
    image = torch.rand(1, 3, 64, 64)
    found, (boxes, scores) = detector([image[0]])[0], detector.raw(image)
    assert torch.equal(boxes[0], found["boxes"])
    assert 0 < len(boxes[0]) <= 300
    assert torch.equal(scores[0].max(1).values, found["scores"])
    assert torch.equal(scores[0].argmax(1), found["labels"])
    assert int((scores > 0).sum()) == len(boxes[0])


def test_a_network_of_other_classes_is_started_from(tmp_path: Path) -> None:
    source = build_detector(Model(name="ssdlite320_mobilenet_v3_large", size=64), [str(n) for n in range(90)])
    torch.save(source.get_submodule("network").state_dict(), tmp_path / "coco.pth")  # as torchvision's own files are
    started = built("ssdlite320_mobilenet_v3_large", weights=str(tmp_path / "coco.pth"))
    mine, theirs = started.network.state_dict(), source.get_submodule("network").state_dict()
    kept = [name for name in mine if mine[name].shape == theirs[name].shape]
    assert all(torch.equal(mine[name], theirs[name]) for name in kept)
    assert all(name.startswith("head.classification_head") for name in set(mine) - set(kept))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Model(name="resnet", size=64), "model.name: there is no detector 'resnet'; there are compact, faster"),
        (
            Model(name="ssd300_vgg16", size=320),
            "model.size = 320: ssd300_vgg16 takes images of 300 pixels and no other",
        ),
        (Model(name="ssdlite320_mobilenet_v3_large", size=32), "model.size = 32: .* needs 64 pixels or more"),
        (
            Model(name="ssdlite320_mobilenet_v3_large", size=64, options={"depth": 3}),
            "model.options: there is no 'depth'; there are .*nms_thresh",
        ),
        (Model(name="fasterrcnn_resnet50_fpn", size=64, options={"size": 3}), "model.options of fasterrcnn_.*'size'"),
        (
            Model(name="ssdlite320_mobilenet_v3_large", size=64, weights="gone.pth"),
            "there is no file of weights gone.pth",
        ),
    ],
)
def test_what_cannot_be_built_is_said(model: Model, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        build_detector(model, CLASSES)
