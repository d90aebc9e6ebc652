"""The YOLO networks of ultralytics, as detectors of ours: all candidates, or detections after suppression.

yolov5* are built anchor-free, with the head that YOLOv8 brought ("v5u"): ultralytics has no other any more. Each cell
of three grids (strides 8, 16, 32) gives class scores and the distances from its centre to the four edges of a box; all
but YOLO26 give a distance as a distribution over bins of one stride (Li et al., Generalized Focal Loss, arXiv
2006.04388, section 3.1). YOLO26 has two heads: one learns many cells for an object and needs suppression, the other
learns one cell for an object and needs none (Wang et al., YOLOv10, arXiv 2405.14458, section 3.1).
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import batched_nms

from training.detectors.yolo_package import own_threads, ultralytics
from training.errors import TrainingError

STRIDE = 32
LEAST_SCORE = 0.001
SUPPRESSION_IOU = 0.7
MOST_DETECTIONS = 300

_NAME = re.compile(r"yolo(v5|v8|11|12|26)[nsmlx]")


class YoloRaw(nn.Module):
    """A YOLO after `training.detectors.detector.Detector`; `training.detectors.yolo` trains it.

    Attributes:
        network: ultralytics' own module; its weights are this module's weights.
        end_to_end: whether candidates are those of the head that needs no suppression.
    """

    centres: Tensor
    strides: Tensor
    bins: Tensor

    def __init__(self, network: nn.Module, size: int, *, end_to_end: bool = False) -> None:
        """A detector for square images of `size` pixels.

        Raises:
            TrainingError: a size that is no multiple of 32, or `end_to_end` for a network without that head.
        """
        super().__init__()
        if size % STRIDE:
            raise TrainingError(f"model.size: must be a multiple of {STRIDE} for a YOLO, got {size}")
        self.network = network
        head = self.head
        if end_to_end and getattr(head, "one2one_cv2", None) is None:
            raise TrainingError("model.options.end_to_end: only YOLO26 has a head that needs no suppression")
        self.size = size
        self.end_to_end = end_to_end
        centres, strides = _cells(size, [int(stride) for stride in head.stride])
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("strides", strides, persistent=False)
        self.register_buffer("bins", torch.arange(head.reg_max, dtype=torch.float32), persistent=False)
        self.eval()

    @property
    def head(self) -> Any:
        """The last layer, as ultralytics calls it."""
        layers: Any = self.network.model
        return layers[-1]

    def train(self, mode: bool = True) -> Self:
        """As for any module, but the head always gives what its convolutions give: decoding is ours."""
        super().train(mode)
        self.head.training = True
        return self

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """All candidates before suppression.

        Args:
            images: float32 (batch, 3, size, size), 0..1, RGB.

        Returns:
            Boxes (batch, cells, 4), x_min, y_min, x_max, y_max in pixels, and scores (batch, cells, classes) in 0..1.
        """
        heads = self.network(images)
        if "one2one" in heads:
            heads = heads["one2one" if self.end_to_end else "one2many"]
        distances = heads["boxes"]
        if len(self.bins) > 1:
            shares = distances.unflatten(1, (4, len(self.bins))).softmax(2)
            distances = (shares * self.bins[:, None]).sum(2)
        before, after = distances.chunk(2, 1)
        boxes = torch.cat((self.centres - before, self.centres + after), 1) * self.strides
        return boxes.clamp(0, self.size).transpose(1, 2), heads["scores"].sigmoid().transpose(1, 2)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> list[dict[str, Tensor]]:
        """Detections, best first: "boxes" (n, 4) in pixels, "scores" (n), "labels" (n).

        Args:
            images: float (3, size, size) each, 0..1, RGB.
            targets: none; ultralytics has its own loop.

        Raises:
            TrainingError: training mode, or an image of another size.
        """
        if self.training or targets is not None:
            raise TrainingError("a YOLO is trained by ultralytics' own loop (training.detectors.yolo), not by ours")
        for image in images:
            if image.shape[-2:] != (self.size, self.size):
                height, width = image.shape[-2:]
                raise TrainingError(f"the detector takes images of {self.size} x {self.size}, got {width} x {height}")
        boxes, scores = self.raw(torch.stack(images))
        return [self._final(*candidates) for candidates in zip(boxes, scores, strict=True)]

    def _final(self, boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        cell, label = (scores > LEAST_SCORE).nonzero(as_tuple=True)
        boxes, scores = boxes[cell], scores[cell, label]
        if self.end_to_end:
            kept = scores.argsort(descending=True)
        else:
            kept = batched_nms(boxes, scores, label, SUPPRESSION_IOU)
        kept = kept[:MOST_DETECTIONS]
        return {"boxes": boxes[kept], "scores": scores[kept], "labels": label[kept]}

    def trainer_detections(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float = 0.25, iou: float = SUPPRESSION_IOU
    ) -> list[dict[str, NDArray[np.float32]]]:
        """What ultralytics' own predictor finds: what an export of ours is compared with.

        Args:
            images: RGB (size, size, 3) each.
            threshold: least score.
            iou: boxes of one class that overlap more are one object; without effect on an end-to-end head.

        Returns:
            For each image "boxes" (n, 4) in pixels, "scores" (n) and "labels" (n), best first.
        """
        predictor = ultralytics("models.yolo.detect").DetectionPredictor(
            overrides={
                "task": "detect",
                "mode": "predict",
                "imgsz": self.size,
                "rect": False,
                "conf": threshold,
                "iou": iou,
                "max_det": MOST_DETECTIONS,
                "nms": False if self.end_to_end else None,
                "device": "cpu",
                "save": False,
                "verbose": False,
            }
        )
        network = deepcopy(self.network).cpu().eval()  # the predictor melts layers together in place
        bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]
        with own_threads():
            found = [result.boxes.cpu().numpy() for result in predictor(source=bgr, model=network, stream=True)]
        return [{"boxes": boxes.xyxy, "scores": boxes.conf, "labels": boxes.cls} for boxes in found]


def build_yolo(
    name: str,
    classes: int,
    size: int,
    *,
    end_to_end: bool = False,
    training: Mapping[str, Any] | None = None,
) -> YoloRaw:
    """A network with new weights, made from ultralytics' description of it.

    Args:
        name: e.g. "yolo11n": the family and the size.
        classes: how many.
        size: side of the square input in pixels.
        end_to_end: use YOLO26's head that needs no suppression.
        training: arguments of ultralytics' training, which `training.detectors.yolo_arguments` reads; no part of the
            network.

    Raises:
        TrainingError: no such network, or one that does not go with its options.
    """
    if not _NAME.fullmatch(name):
        raise TrainingError(f"model.name: there is no YOLO '{name}'; names are like yolov5n, yolo11n, yolo26s")
    network = ultralytics("nn.tasks").DetectionModel(f"{name}.yaml", nc=classes, verbose=False)
    return YoloRaw(network, size, end_to_end=end_to_end)


build_yolov5n = partial(build_yolo, "yolov5n")
build_yolov5s = partial(build_yolo, "yolov5s")
build_yolo11n = partial(build_yolo, "yolo11n")
build_yolo26n = partial(build_yolo, "yolo26n")


def _cells(size: int, strides: list[int]) -> tuple[Tensor, Tensor]:
    """Centres (2, cells) in units of their stride and strides (cells), rows of a grid one after the other."""
    centres, steps = [], []
    for stride in strides:
        axis = torch.arange(size // stride, dtype=torch.float32) + 0.5
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        centres.append(torch.stack((columns.flatten(), rows.flatten())))
        steps.append(torch.full((len(axis) ** 2,), float(stride)))
    return torch.cat(centres, 1), torch.cat(steps)
