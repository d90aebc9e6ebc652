"""Turns weights that others publish into a model folder: the general object detector of a service."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.checkpoint import read_weights, save_weights
from training.detectors.registry import build_detector
from training.detectors.torchvision import FasterRCNN
from training.detectors.yolo_network import build_yolo
from training.detectors.yolo_package import network_in, read_checkpoint
from training.errors import TrainingError
from training.export.detectors.configuration import DetectorInterface
from training.export.detectors.engines import Pixels
from training.export.detectors.graph import export_graph
from training.export.detectors.parity import Parity, prove
from training.export.detectors.trained import own_detections
from training.export.proving import Proven, proven
from training.export.repository import Card, Place, write_model
from training.hub import CACHE, Source, Watch, check, checksum, fetch
from training.letterbox import Letterbox
from training.recipe import Model

_PICTURES = ("bus.jpg", "zidane.jpg")
"""Photographs of streets and people that ultralytics brings along: something to find for every detector of COCO."""

_NO_LABEL = "N/A"
"""COCO numbers its 80 classes up to 90; torchvision's detectors have outputs for the gaps too."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for.

    Attributes:
        source: which weights.
        place: where the model goes.
        size: side of its square input in pixels.
        threshold: least score that counts when a caller names none, 0..1.
        weights: a file that is here already.
        address: where to fetch it instead of from its publisher.
        sha256: its checksum, instead of the one that is known.
    """

    source: Source
    place: Place
    size: int
    threshold: float = 0.25
    weights: Path | None = None
    address: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was written, from which file, and what it was proven by."""

    folder: Path
    weights: Path
    sha256: str
    labels: tuple[str, ...]
    proofs: Sequence[Parity]


class KnownClasses(nn.Module):
    """A detector without the classes that it has only on paper."""

    kept: Tensor

    def __init__(self, detector: nn.Module, kept: Sequence[int]) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("kept", torch.tensor(kept), persistent=False)

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Candidates with scores (batch, candidates, kept classes), as `Detector` says."""
        raw: Any = self.detector.raw
        boxes, scores = raw(images)
        return boxes, scores[..., self.kept]

    def forward(self, images: list[Tensor], targets: None = None) -> list[dict[str, Tensor]]:
        """Detections of the kept classes, renumbered."""
        return [self._known(found) for found in self.detector(images)]

    def _known(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        place = (found["labels"][:, None] == self.kept).long()
        known = place.any(1)
        return {**{name: values[known] for name, values in found.items()}, "labels": place[known].argmax(1)}


def pull(request: Request, watch: Watch = lambda here, total: None) -> Pulled:
    """Fetch weights, check them, and write them as a model of the repository.

    Weights of a YOLO are also left in `CACHE` as safetensors, for recipes that start from them.

    Raises:
        TrainingError: the weights cannot be fetched or are not the ones that are wanted; they do not fit the network;
            the graph finds something else than the network; or the model is already there.
    """
    request.place.check()
    source, file = request.source, fetched(request, watch)
    build = _yolo if source.publisher == "ultralytics" else _torchvision
    detector, labels = build(source, file, request.size)
    found = _proven(detector, request)
    precisions = dict.fromkeys(proof.precision for proof in reversed(found.proof))  # the fastest first
    interface = DetectorInterface(request.place.name, labels, request.threshold, tuple(precisions), source.licence)
    digits = checksum(file)
    card = Card(_card(request, interface, digits, found.proof))
    folder = write_model(request.place, interface, found.model, card)
    return Pulled(folder, file, digits, labels, found.proof)


def fetched(request: Request, watch: Watch = lambda here, total: None) -> Path:
    """The file that is asked for, fetched where it is not here yet, its checksum compared.

    Raises:
        TrainingError: it cannot be fetched, or is not the one that is wanted.
    """
    source = request.source
    wanted = request.sha256 or source.sha256
    if request.weights is not None:
        check(request.weights, wanted, str(request.weights))
        return request.weights
    file = CACHE / source.address.rpartition("/")[2]
    return fetch(request.address or source.address, file, wanted, watch)


def _proven(detector: nn.Module, request: Request) -> Proven[list[Parity]]:
    single = isinstance(detector, KnownClasses) and isinstance(detector.detector, FasterRCNN)
    own, pictures, facts = own_detections(detector), _photographs(request.size), {"licence": request.source.licence}
    return proven(
        lambda half: export_graph(detector, request.size, batched=not single, half=half, facts=facts),
        lambda model: prove(detector, model, pictures, own, request.threshold),
    )


def _yolo(source: Source, file: Path, size: int) -> tuple[nn.Module, tuple[str, ...]]:
    """The network of an ultralytics file. Only its numbers are used: the network itself is built anew."""
    network: Any = network_in(read_checkpoint(file))
    labels = tuple(str(label) for _, label in sorted(dict(network.names).items()))
    detector = build_yolo(source.name.removesuffix("u"), len(labels), size)  # "u": anchor-free, as all are here
    try:
        detector.network.load_state_dict(network.float().state_dict())
    except RuntimeError as error:
        raise TrainingError(f"{file} is no {source.name}: {_first_difference(error)}") from None
    CACHE.mkdir(parents=True, exist_ok=True)
    save_weights(detector, CACHE / f"{source.name}.safetensors", {"source": source.name})
    return detector, labels


def _torchvision(source: Source, file: Path, size: int) -> tuple[nn.Module, tuple[str, ...]]:
    from torchvision.models import get_model_weights  # noqa: PLC0415 - seconds, for these names only

    every = get_model_weights(source.name).COCO_V1.meta["categories"][1:]  # 0 is the background
    detector: Any = build_detector(Model(name=source.name, size=size), every)
    given = read_weights(file)
    counters = {name: value for name, value in detector.network.state_dict().items() if "num_batches" in name}
    try:  # published weights lack the counters of training steps
        detector.network.load_state_dict(counters | given)
    except RuntimeError as error:
        raise TrainingError(f"{file} is no {source.name}: {_first_difference(error)}") from None
    if source.name == "fasterrcnn_resnet50_fpn":
        for module in detector.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0  # as its weights were trained: torchvision's builder does the same
    kept = [number for number, label in enumerate(every) if label != _NO_LABEL]
    return KnownClasses(detector.eval(), kept).eval(), tuple(every[number] for number in kept)


def _first_difference(error: RuntimeError) -> str:
    """Torch lists every difference on a line of its own, after a headline."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:200]


def _photographs(size: int) -> list[Pixels]:
    """Real pictures to prove the graph with, letterboxed, and mirrored for more of them.

    Raises:
        TrainingError: ultralytics, which brings them, is not installed.
    """
    package = find_spec("ultralytics")
    if package is None or not package.submodule_search_locations:
        raise TrainingError("the graph is proven on photographs that ultralytics brings along, but it is not installed")
    pictures: list[NDArray[np.uint8]] = []
    for name in _PICTURES:
        file = Path(package.submodule_search_locations[0]) / "assets" / name
        pixels = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise TrainingError(f"{file}, with which the graph is proven, is missing")
        boxed = Letterbox.of(pixels.shape[1], pixels.shape[0], size).pixels(np.asarray(pixels, np.uint8))
        pictures += [boxed, np.ascontiguousarray(boxed[:, ::-1])]
    return pictures


def _card(request: Request, interface: DetectorInterface, sha256: str, proofs: Sequence[Parity]) -> str:
    source = request.source
    whence = request.weights.name if request.weights else request.address or source.address
    lines = [
        f"# {interface.name}\n",
        f"`{source.name}` for {request.size} px as {source.publisher} publishes it, with {len(interface.labels)} "
        "labels (see `labels.txt`). Written by `python -m training pull`; nothing was trained here.\n",
        f"- Weights: {whence}, SHA-256 {sha256}",
        f"- Data and accuracy: as {source.publisher} says; not measured here",
        f"- Licence: {source.licence}" + (", see `LICENSE`" if source.licence.startswith("AGPL") else ""),
        f"- Score that counts when a caller names none: {interface.threshold:g}",
    ]
    lines += [
        f"- {proof.engine}, {proof.precision}: {proof.detections} detections on {proof.images} photographs are those "
        f"of the network (least IoU {proof.worst_iou:.4f}, scores within {proof.worst_score:.4f})"
        for proof in proofs
    ]
    return "\n".join(lines) + "\n"
