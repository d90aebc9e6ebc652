"""torchvision's detectors: Faster R-CNN (Ren et al. 2015) and SSD (Liu et al. 2016), the papers' baselines.

Their labels begin at 1, since 0 is the background; the wrappers here hide that, and show what a server needs. Nothing
is downloaded: networks start from new weights, or from a local file named by the recipe's `model.weights`.
"""

import inspect
import math
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSDFeatureExtractorVGG
from torchvision.models.vgg import cfgs, make_layers

from training.errors import TrainingError

_OPTIONS = ("_thresh", "_n_train", "_n_test", "_per_image", "_per_img", "_fraction", "_candidates")
"""How the names end of what may be chosen; the rest is the networks' structure, or follows from the recipe."""


class TorchvisionDetector(nn.Module):
    """A torchvision detector without its background class."""

    def __init__(self, network: Any, classes: int) -> None:
        super().__init__()
        self.network: Any = network
        self.classes = classes

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses by name (training mode) or detections (evaluation mode), as `Detector` says."""
        if not self.training:
            return [{**found, "labels": found["labels"] - 1} for found in self.network(images)]
        shifted = [{**target, "labels": target["labels"] + 1} for target in targets or ()]
        losses: dict[str, Tensor] = self.network(images, shifted)
        return {name.removeprefix("loss_"): loss for name, loss in losses.items()}


class SingleShot(TorchvisionDetector):
    """SSD or SSDlite. Its candidates are its anchors, each with one box and a score for each class."""

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (batch, anchors, 4) in pixels and softmax scores (batch, anchors, classes), as `Detector` says."""
        network, size = self.network, images.shape[-1]
        settings = network.transform
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (settings.image_mean, settings.image_std))
        normal = (images - mean) / std
        features = list(network.backbone(normal).values())
        head = network.head(features)
        anchors = network.anchor_generator(ImageList(normal, [(size, size)]), features)[0]
        boxes = _decode(head["bbox_regression"], anchors, network.box_coder.weights)
        return boxes.clamp(0, size), head["cls_logits"].softmax(-1)[..., 1:]


class FasterRCNN(TorchvisionDetector):
    """Faster R-CNN. Its boxes belong to a class each and number what they number, so it takes one image at a time."""

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """At most 300 boxes (1, n, 4) after the network's own suppression, each with a score for its one class.

        Suppression is the second stage's business: the 300 best pairs of region and class before it would be the same
        few faces many times. What is suppressed again with a higher threshold stays as it is.

        Args:
            images: (1, 3, size, size).

        Returns:
            Boxes (1, n, 4) in pixels of the input and scores (1, n, classes), 0 but for the box's own class.
        """
        found = self([images[0]])[0]
        own = nn.functional.one_hot(found["labels"], self.classes).to(found["scores"].dtype)
        return found["boxes"][None], (found["scores"][:, None] * own)[None]


def build_fasterrcnn_resnet50_fpn(classes: int, size: int, **options: Any) -> FasterRCNN:
    """Faster R-CNN with a ResNet-50 and a feature pyramid; `options` are torchvision's."""
    return _faster_rcnn(detection.fasterrcnn_resnet50_fpn, classes, size, options)


def build_fasterrcnn_mobilenet(classes: int, size: int, **options: Any) -> FasterRCNN:
    """Faster R-CNN with MobileNetV3 and the few regions of torchvision's `_320_` form; `options` are torchvision's."""
    return _faster_rcnn(detection.fasterrcnn_mobilenet_v3_large_320_fpn, classes, size, options)


def build_ssd300_vgg16(classes: int, size: int, **options: Any) -> SingleShot:
    """SSD with VGG-16; its anchors and its last layers are made for 300 pixels.

    Raises:
        TrainingError: another size.
    """
    if size != 300:
        raise TrainingError(f"model.size = {size}: ssd300_vgg16 takes images of 300 pixels and no other")
    return _single_shot(_ssd300_vgg16, classes, size, options)


def build_ssdlite320_mobilenet(classes: int, size: int, **options: Any) -> SingleShot:
    """SSDlite with MobileNetV3; 320 pixels is its own size, every other from 64 up works."""
    if size < 64:
        raise TrainingError(f"model.size = {size}: ssdlite320_mobilenet_v3_large needs 64 pixels or more")
    return _single_shot(detection.ssdlite320_mobilenet_v3_large, classes, size, options)


def _faster_rcnn(builder: Any, classes: int, size: int, options: dict[str, Any]) -> FasterRCNN:
    _check(options, detection.FasterRCNN)
    settings = {"min_size": size, "max_size": size, "box_detections_per_img": 300, **options}
    return FasterRCNN(_network(builder, classes, settings), classes)


def _single_shot(builder: Any, classes: int, size: int, options: dict[str, Any]) -> SingleShot:
    _check(options, detection.ssd.SSD)
    network = _network(builder, classes, options)
    network.transform.min_size, network.transform.max_size = (size,), size
    network.transform.fixed_size = (size, size)
    return SingleShot(network, classes)


def _check(options: dict[str, Any], network: type) -> None:
    """The builders swallow every option that they do not know."""
    known = {name for name in inspect.signature(network).parameters if name.endswith(_OPTIONS)}
    for option in options:
        if option not in known:
            raise TrainingError(f"model.options: there is no '{option}'; there are {', '.join(sorted(known))}")


def _network(builder: Any, classes: int, options: dict[str, Any]) -> Any:
    try:
        return builder(weights=None, weights_backbone=None, num_classes=classes + 1, **options)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"model.options: {error}") from None


def _ssd300_vgg16(*, num_classes: int, weights: None, weights_backbone: None, **options: Any) -> Any:
    """As torchvision's function of this name, with new weights.

    That one fills VGG's classifier first, 124 million weights that SSD has not, which takes seconds.
    """
    features = make_layers(cfgs["D"])
    for layer in features:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    # VGG's weights are those of Caffe, which saw pixels of 0..255 without their mean
    scaling = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1 / 255] * 3}
    return detection.ssd.SSD(
        SSDFeatureExtractorVGG(features, highres=False), anchors, (300, 300), num_classes, **scaling, **options
    )


def _decode(codes: Tensor, anchors: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """Offsets to boxes: SSD, section 2.2, equation 2 read backwards, with torchvision's weights and limit of growth.

    Args:
        codes: (batch, anchors, 4): centre and logarithmic size, relative to the anchor.
        anchors: (anchors, 4) edges in pixels.
        weights: what the four codes are multiplied with in training.

    Returns:
        (batch, anchors, 4) edges in pixels.
    """
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = anchors[:, :2] + sizes / 2
    scaled = codes / codes.new_tensor(weights)
    middle = scaled[..., :2] * sizes + centres
    half = scaled[..., 2:].clamp(max=math.log(1000 / 16)).exp() * sizes / 2
    return torch.cat((middle - half, middle + half), -1)
