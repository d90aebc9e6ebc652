"""Tiny stylisers and dreams, exported as the real ones are, and loaded as the runtime loads them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from services.runtime.backends.python.backend import PythonBackend
from services.runtime.config import finish_config
from services.runtime.errors import ImagoError
from services.runtime.model import InferRequest, Tensors
from training.dreaming.settings import DreamSettings
from training.export.repository import Card, Place, write_model
from training.export.stylisers.configuration import About, StepInterface
from training.export.stylisers.pipeline import SERVED
from training.export.stylisers.steps import export_dream_step, export_style_step
from training.features.reference import reference_images
from training.features.stack import FeatureStack, orthogonal_stack
from training.stylisation.gatys import StyleSettings

SIDE = 64


def features() -> FeatureStack:
    """Two stages of random filters, on one scale."""
    stack = orthogonal_stack(((8,), (12, 12)), 1)
    stack.normalise(reference_images(SIDE))
    return stack


def photograph(number: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    """One of the bundled photographs, uint8 (height, width, 3), cut at its middle."""
    pixels = ((reference_images(128)[number] + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    top, left = (128 - height) // 2, (128 - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def write_steps(root: Path, stack: FeatureStack, settings: StyleSettings | DreamSettings) -> Path:
    """The folder of a model that optimises."""
    styles = isinstance(settings, StyleSettings)
    model = (export_style_step if styles else export_dream_step)(stack, half=False, facts={})
    about = About("gatys" if styles else "dream", "Tiny", ("f32",), "Apache-2.0")
    source = (SERVED / f"{about.name}.py").read_text()
    return write_model(Place(root, about.name), StepInterface(about, stack, settings), model, Card(""), source)


@contextmanager
def loaded(folder: Path) -> Iterator[PythonBackend]:
    """The model in a process of its own, as the runtime runs it."""
    message = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    config = finish_config(message, folder)
    backend = PythonBackend(config, folder, "1", instance_name=f"{config.name}_0", kind="CPU", device_id=0)
    try:
        yield backend
    finally:
        backend.close()


class Reader:
    """Collects a stream; `leave_after` responses it goes away."""

    def __init__(self, leave_after: int = 0) -> None:
        self.responses: list[Tensors] = []
        self.error: ImagoError | None = None
        self.cancelled = False
        self._leave_after, self._ended = leave_after, Event()
        self._cancel: Any = None

    def send(self, outputs: Tensors) -> None:
        self.responses.append(outputs)
        if len(self.responses) == self._leave_after:
            self.cancelled = True
            self._cancel()

    def finish(self, error: ImagoError | None = None) -> None:
        self.error = error
        self._ended.set()

    def on_cancel(self, callback: Any) -> None:
        self._cancel = callback

    def read(self, backend: PythonBackend, inputs: dict[str, Any], **settings: Any) -> list[Tensors]:
        """Every response to a request with these settings."""
        text = np.array([json.dumps(settings).encode()], np.object_)
        backend.stream(InferRequest("m", {**inputs, "SETTINGS": text}), self)
        assert self._ended.wait(100), "the stream did not end"
        return self.responses
