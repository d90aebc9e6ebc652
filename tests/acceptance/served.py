"""The translator service as what training measures: a network that makes images of images, and pictures of styles."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from imago.channel import OPTIONS
from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.processes import ROOT, ServerProcess, server_process
from training.metrics.images import to_pixels, to_tensor

MODELS = ROOT / "services" / "translator" / "models"
OUT = ROOT / "out" / "translation"
RUNS = ROOT / "build" / "runs"
TIMEOUT_S = 600

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Service:
    """A translator that serves some of the committed models."""

    process: ServerProcess
    stub: TranslatorServiceStub


@contextmanager
def service(*models: str) -> Iterator[Service]:
    """Raises RuntimeError: a model is not there."""
    missing = [model for model in models if not (MODELS / model).is_dir()]
    if missing:
        raise RuntimeError(f"{MODELS} has no model {', '.join(missing)}: train it and export it")
    arguments = (f"--model-repository={MODELS}", *(f"--load-model={model}" for model in models))
    with (
        server_process("services.translator", *arguments) as process,
        grpc.insecure_channel(process.grpc_address, options=OPTIONS) as channel,
    ):
        yield Service(process, TranslatorServiceStub(channel))


class Served(nn.Module):
    """A model of the service, with the interface of the network that it was made of: every image is one call."""

    def __init__(self, stub: TranslatorServiceStub, model: str) -> None:
        super().__init__()
        self.stub, self.model = stub, model

    def forward(self, images: Tensor) -> Tensor:
        """Translated images, float32 (n, 3, height, width) in -1..1; what passes over the wire are bytes of pixels."""
        requests = [translator_pb2.TranslateRequest(model=self.model, image=raw(each)) for each in to_pixels(images)]
        for request in requests:
            request.output.format = image_pb2.IMAGE_FORMAT_RAW
        calls = [self.stub.Translate.future(request, timeout=TIMEOUT_S) for request in requests]
        return to_tensor(np.stack([pixels_of(call.result().image) for call in calls]))


def raw(pixels: Pixels) -> image_pb2.Image:
    """uint8 (height, width, 3) as a message."""
    height, width = pixels.shape[:2]
    decoded = image_pb2.RawImage(
        width=width, height=height, format=image_pb2.PIXEL_FORMAT_RGB8, data=np.ascontiguousarray(pixels).tobytes()
    )
    return image_pb2.Image(raw=decoded)


def pixels_of(image: image_pb2.Image) -> Pixels:
    """The inverse of `raw`."""
    return np.frombuffer(image.raw.data, np.uint8).reshape(image.raw.height, image.raw.width, 3)


def raw_output() -> Any:
    """What asks for pixels instead of files."""
    return image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)


def finished_run(folder: Path, how: str) -> Path:
    """The folder of a run, if it is finished.

    Raises:
        RuntimeError: it is not; `how` is the command for it.
    """
    if not (folder / "summary.json").is_file():
        raise RuntimeError(f"no finished run is in {folder}: {how}")
    return folder
