"""`python -m training export` of features and of a styliser: model folders that the service loads, or one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from typer.testing import CliRunner

from training.__main__ import application
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.export.stylisers.styles import NAMES
from training.features.stack import orthogonal_stack
from training.judges.network import build_judge
from training.recipe import Recipe, load_recipe
from training.stylisation.adain import Stylizer

SUMMARY = {
    "data": "things",
    "device": "a processor, 2 threads",
    "wall_clock_s": 90.0,
    "images_per_s": 12.5,
    "metric": "score",
    "best": {"epoch": 3, "score": 0.5, "style left": 0.25},
    "images": {"train": {"images": 24}, "validation": {"images": 6}},
    "versions": {"torch": "2.14.0"},
}


def export(*arguments: object) -> str:
    """What the command prints; what it raises is raised."""
    result = CliRunner().invoke(application(), ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def write_run(folder: Path, recipe: Recipe, network: torch.nn.Module) -> Path:
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    save_weights(network, folder / "best.safetensors")
    return folder


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """A finished run of features of the smallest kind."""
    changes = {"model.options.width": "4", "model.options.stages": "2", "model.options.blocks": "1"}
    recipe = load_recipe("features-things", smoke=True, changes=changes)
    torch.manual_seed(1)
    return write_run(tmp_path / "features", recipe, build_judge(recipe))


@pytest.fixture
def stylizer(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    stack = orthogonal_stack(((4, 4), (6,)), 1)
    return write_run(tmp_path / "adain", load_recipe("adain", smoke=True), Stylizer(stack))


def config_of(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def parameters_of(config: Any) -> dict[str, str]:
    return {key: value.string_value for key, value in config.parameters.items()}


def test_features_become_a_model_that_dreams(tmp_path: Path, features: Path) -> None:
    said = export(features, "--into", tmp_path / "models", "--name", "dream", "--task", "image-dreaming")
    assert "dream: OpenVINO, f32: losses within" in said
    folder = tmp_path / "models" / "dream"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"1/model.py", "1/step.onnx", "README.md", "config.pbtxt", "samples.png"}
    config = config_of(folder)
    assert (config.backend, config.max_batch_size, config.model_transaction_policy.decoupled) == ("python", 0, True)
    parameters = parameters_of(config)
    assert (parameters["imago.task"], parameters["imago.licence"]) == ("image-dreaming", "Apache-2.0")
    dream = json.loads(parameters["imago.dream"])
    assert (dream["layers"], dream["targets"]) == (
        {"relu1_1": 4, "relu2_1": 8}, [{"layer": "relu2_1", "weight": 1}]
    )  # fmt: skip
    card = (folder / "README.md").read_text()
    assert "Trained to tell 3 kinds of things apart" in card
    assert "![what 16 channels of `relu2_1` want to see" in card


def test_a_styliser_becomes_two_models_that_know_each_other(tmp_path: Path, stylizer: Path) -> None:
    said = export(stylizer, "--into", tmp_path / "models", "--name", "quick", "--encoder", "looks")
    assert "looks: OpenVINO, f32: statistics within" in said
    looks, quick = (config_of(tmp_path / "models" / name) for name in ("looks", "quick"))
    types = model_config_pb2.DataType
    assert [(end.name, end.data_type, list(end.dims)) for end in (*quick.input, *quick.output)] == [
        ("IMAGE", types.TYPE_UINT8, [-1, -1, 3]),
        ("CONTENT", types.TYPE_FP32, [20]),
        ("STYLE", types.TYPE_FP32, [20]),
        ("STRENGTH", types.TYPE_FP32, [1]),
        ("STYLIZED", types.TYPE_UINT8, [-1, -1, 3]),
    ]
    assert [(end.name, list(end.dims)) for end in looks.output] == [("STATISTICS", [20])]
    style = json.loads(parameters_of(quick)["imago.style"])
    assert (style["encoder"], style["space"], style["multiple"]) == ("looks", "relu2_1-statistics", 2)
    styles = json.loads(parameters_of(quick)["imago.styles"])
    assert (sorted(styles), {len(code) for code in styles.values()}) == (sorted(NAMES), {20})
    assert "`waves`" in (tmp_path / "models" / "quick" / "README.md").read_text()
    assert "| style left | 0.250 | - |" in (tmp_path / "models" / "quick" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--task is missing: features serve style-optimization or image-dreaming: which one?"),
        (("--task", "painting"), "--task painting: features serve style-optimization or image-dreaming"),
        (("--task", "image-dreaming", "--critic"), "--critic: .* is the run of a feature network"),
        (("--task", "image-dreaming", "--description", " "), "--description is empty"),
    ],
)
def test_what_cannot_be_done_with_features_is_said(
    tmp_path: Path, features: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(TrainingError, match=complaint):
        export(features, "--into", tmp_path, "--name", "dream", *arguments)


def test_a_styliser_and_its_encoder_need_two_names(tmp_path: Path, stylizer: Path) -> None:
    with pytest.raises(TrainingError, match="--encoder one: the encoder and the styliser need folders of their own"):
        export(stylizer, "--into", tmp_path, "--name", "one", "--encoder", "one")
