"""Knows the backends by Triton's names. Each is imported only when a model asks for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tritonclient.grpc import model_config_pb2

from services.runtime.backends.placement import Placement, available_cpus, cuda_devices
from services.runtime.config import ConfigError, ModelConfig
from services.runtime.model import Backend


class BackendKind(Protocol):
    """What the repository needs of a backend before and while it opens instances."""

    model_file: str
    """The file that a version folder holds, unless `default_model_filename` names another."""

    def gpus(self) -> Sequence[int]:
        """GPUs that instances can be placed on."""

    def complete(self, message: model_config_pb2.ModelConfig, folder: Path, version: int) -> None:
        """Fill in, in place, what the configuration leaves out; raise ConfigError where it contradicts the model."""

    def open(self, config: ModelConfig, folder: Path, version: int, placement: Placement, copies: int) -> Backend:
        """Load one of `copies` instances. Called from the thread that will run it."""


class _Onnxruntime:
    model_file = "model.onnx"

    def gpus(self) -> Sequence[int]:
        from services.runtime.backends.onnx import available_gpus  # noqa: PLC0415

        return available_gpus()

    def complete(self, message: model_config_pb2.ModelConfig, folder: Path, version: int) -> None:
        from services.runtime.backends.onnx_signature import complete_and_check  # noqa: PLC0415

        complete_and_check(message, self._file(message, folder, version))

    def open(self, config: ModelConfig, folder: Path, version: int, placement: Placement, copies: int) -> Backend:
        from services.runtime.backends.onnx import OnnxBackend  # noqa: PLC0415

        threads = max(1, available_cpus() // copies)
        return OnnxBackend(config, self._file(config.message, folder, version), placement, threads=threads)

    def _file(self, message: model_config_pb2.ModelConfig, folder: Path, version: int) -> Path:
        return folder / str(version) / (message.default_model_filename or self.model_file)


class _Python:
    model_file = "model.py"

    def gpus(self) -> Sequence[int]:
        return cuda_devices()

    def complete(self, message: model_config_pb2.ModelConfig, folder: Path, version: int) -> None:
        from services.runtime.backends.python.backend import auto_complete  # noqa: PLC0415

        if not message.input or not message.output:
            message.CopyFrom(auto_complete(message, folder, str(version)))

    def open(self, config: ModelConfig, folder: Path, version: int, placement: Placement, copies: int) -> Backend:
        from services.runtime.backends.python.backend import PythonBackend  # noqa: PLC0415

        return PythonBackend(
            config,
            folder,
            str(version),
            instance_name=placement.name,
            kind=placement.kind,
            device_id=placement.device_id,
        )


_KINDS: dict[str, BackendKind] = {"onnxruntime": _Onnxruntime(), "python": _Python()}
_PLATFORMS = {"onnxruntime_onnx": "onnxruntime"}


def backend_kind(message: model_config_pb2.ModelConfig, folder: Path) -> BackendKind:
    """The backend of a model, whose name is written into the message when only a platform or a file tells it.

    Raises:
        ConfigError: none is named or recognised, or the one named is not here.
    """
    name = message.backend or _PLATFORMS.get(message.platform, message.platform)
    if not name:
        files = {path.name for path in folder.glob("*/*")}
        found = [name for name, kind in _KINDS.items() if kind.model_file in files]
        name = found[0] if found else ""
    if name not in _KINDS:
        known_files = " or ".join(kind.model_file for kind in _KINDS.values())
        asked = f"backend '{name}' is not served" if name else f"names no backend and no version has a {known_files}"
        raise ConfigError(f"model '{message.name}': {asked}; known backends: {', '.join(_KINDS)}")
    message.backend = name
    return _KINDS[name]
