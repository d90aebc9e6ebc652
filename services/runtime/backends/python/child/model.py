"""The `TritonPythonModel` of one `model.py`: imported, made and called as Triton's Python backend does it."""

import asyncio
import importlib
import json
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from services.runtime.backends.python.child.pb_inference import InferenceRequest
from services.runtime.backends.python.child.pb_model_config import ModelConfig
from services.runtime.backends.python.child.pb_tensor import TritonModelException


class Model:
    """One model; every method but `execute`'s coroutines runs in the caller's thread."""

    def __init__(self, source: Path) -> None:
        self._class: Any = _import(source).TritonPythonModel
        self._instance: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def auto_complete(self, config: str) -> str:
        """The configuration (JSON) as the model completes it."""
        completed: Any = ModelConfig(config)
        if hasattr(self._class, "auto_complete_config"):
            completed = self._class.auto_complete_config(completed)
        if not isinstance(completed, ModelConfig):
            raise TritonModelException(f"auto_complete_config returned {type(completed).__name__}, not a ModelConfig")
        return json.dumps(completed.as_dict())

    def initialize(self, arguments: dict[str, str]) -> None:
        self._instance = self._class()
        if not hasattr(self._instance, "execute"):
            raise TritonModelException("TritonPythonModel does not implement `execute`")
        if hasattr(self._instance, "initialize"):
            self._instance.initialize(arguments)

    def execute(self, requests: list[InferenceRequest]) -> Any:
        """What the model returns; a future of it when `execute` is a coroutine, which runs in a loop of its own."""
        returned = self._instance.execute(requests)
        if asyncio.iscoroutine(returned):
            return asyncio.run_coroutine_threadsafe(returned, self._event_loop())
        return returned

    def finalize(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        if hasattr(self._instance, "finalize"):
            self._instance.finalize()

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return self._loop


def _import(source: Path) -> ModuleType:
    # Triton imports "1.model", so that `from . import sibling` works; a package made here cannot be mistaken for
    # another folder of that name on the path.
    package = ModuleType(source.parent.name)
    package.__path__ = [str(source.parent)]
    sys.modules[package.__name__] = package
    module = importlib.import_module(f"{package.__name__}.{source.stem}")
    if not hasattr(module, "TritonPythonModel"):
        raise TritonModelException(f"{source.name} defines no class TritonPythonModel")
    return module
