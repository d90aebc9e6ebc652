"""A model that tells nobody what runs it is refused with what it lacks."""

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig

from services.runtime.backends.registry import backend_kind
from services.runtime.config import ConfigError


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (ModelConfig(name="m"), "names no backend and no version has a model.onnx or model.py"),
        (ModelConfig(name="m", backend="tensorflow"), "backend 'tensorflow' is not served"),
        (ModelConfig(name="m", platform="ensemble"), "backend 'ensemble' is not served"),
    ],
)
def test_a_backend_that_nobody_names_or_knows_is_refused(config: ModelConfig, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        backend_kind(config, tmp_path)
    assert str(refusal.value) == f"model 'm': {sentence}; known backends: onnxruntime, python"


def test_a_model_file_alone_names_its_backend(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.py").touch()
    config = ModelConfig(name="m")
    backend_kind(config, tmp_path)
    assert config.backend == "python"
