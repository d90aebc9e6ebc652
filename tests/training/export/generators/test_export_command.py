"""`python -m training export` of a generator's run: a model folder that the service loads, or one sentence."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import onnx
import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from typer.testing import CliRunner

from tests.training.export.generators.tiny import Steep, trained
from training.__main__ import application
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.export.generators.pipeline import export_generator
from training.export.graph import weights_in_half
from training.export.repository import Place
from training.export.sheet import MOST_BYTES
from training.generators.registry import build_model
from training.recipe import load_recipe

DIGITS = tuple("0123456789")
SUMMARY = {
    "data": "digits",
    "device": "a processor, 2 threads",
    "wall_clock_s": 90.0,
    "images_per_s": 12.5,
    "metric": "score",
    "best": {"epoch": 3, "frechet": 4.25, "judged": 0.98},
    "paper": {"critic accuracy": 0.9531},
    "images": {"train": {"images": 80, "0": 8}, "validation": {"images": 20}},
    "versions": {"torch": "2.14.0"},
}


def write_run(folder: Path, name: str, **changes: str) -> Path:
    """A finished run of a recipe's smallest size."""
    recipe = load_recipe(name, smoke=True, changes=changes)
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    torch.manual_seed(1)
    players = build_model(recipe)
    save_weights(players.generator, folder / "best.safetensors")
    save_weights(players.critic, folder / "best-critic.safetensors")
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    return folder


def export(*arguments: object) -> str:
    """What the command prints; what it raises is raised."""
    result = CliRunner().invoke(application(), ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def config_of(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of digits, and what the command said about it."""
    root = tmp_path_factory.mktemp("export")
    run = write_run(root / "run", "acgan-digits-modern")
    said = export(run, "--into", root / "models", "--name", "digits", "--description", "Digits, as asked for.")
    return root / "models" / "digits", said


def test_the_command_says_what_was_proven(exported: tuple[Path, str]) -> None:
    _, said = exported
    for engine in ("onnxruntime, f32", "OpenVINO, f32"):
        assert re.search(rf"{engine}: 64 images are those of the network \(pixels within [012] of 255\), 64 of", said)
    assert "digits: version 1, Apache-2.0" in said


def test_the_folder_says_what_the_service_must_know(exported: tuple[Path, str]) -> None:
    folder, _ = exported
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"1/model.onnx", "README.md", "config.pbtxt", "labels.txt", "samples.png"}
    assert (folder / "labels.txt").read_text().splitlines() == list(DIGITS)
    config = config_of(folder)
    assert (config.backend, config.max_batch_size, config.HasField("dynamic_batching")) == ("onnxruntime", 32, True)
    types = model_config_pb2.DataType
    assert [(end.name, end.data_type, list(end.dims)) for end in (*config.input, *config.output)] == [
        ("LATENT", types.TYPE_FP32, [100]),
        ("LABEL", types.TYPE_INT64, [1]),
        ("IMAGE", types.TYPE_UINT8, [28, 28, 1]),
    ]
    assert config.output[0].label_filename == "labels.txt"
    assert [sample.batch_size for sample in config.model_warmup] == [1, 8]
    assert {name for sample in config.model_warmup for name in sample.inputs} == {"LATENT", "LABEL"}
    said = {key: value.string_value for key, value in config.parameters.items()}
    assert json.loads(said.pop("imago.latent")) == {
        "name": "z", "dimensions": [100], "distribution": "normal", "location": 0, "scale": 1
    }  # fmt: skip
    assert said.pop("imago.precisions").endswith("f32")
    assert said == {
        "imago.task": "image-generation",
        "imago.description": "Digits, as asked for.",
        "imago.rows_apart": "true",
        "imago.licence": "Apache-2.0",
    }


def test_the_sheet_shows_64_images_and_is_small(exported: tuple[Path, str]) -> None:
    file = exported[0] / "samples.png"
    assert file.stat().st_size <= MOST_BYTES
    picture = cv2.imread(str(file))
    assert picture is not None
    assert picture.shape[:2] == (4 * 30 + 2, 16 * 30 + 2)


@pytest.mark.parametrize(
    "said",
    [
        "# digits\n\nDigits by AC-GAN",
        "![64 images](samples.png)\n\nThe first image of each seed from 0 to 63, row by row, the classes asked for in",
        "| Classes | `0`, `1`, ",
        "| Latent space | 100 values, normal, mean 0, deviation 1 |",
        "hinge loss, updates of critic to generator 1 : 1, critic sees images varied by translation",
        "weights are stored in half precision",
        "`digits`: handwritten digits that scikit-learn carries, scaled to 28 x 28 px; 80 images (8 0) to learn",
        "| frechet | 4.250 | - |",
        "| critic accuracy | - | 0.9531 |",
        "The weights are those of epoch 3, the best by `score`.",
        "judged by the classifier of `training/recipes/judge-digits-smoke.toml`",
        "| OpenVINO | f32 |",
        "| Licence | Apache-2.0 |",
        "the hands of those who wrote them",
    ],
)
def test_the_card_says_where_the_model_comes_from_and_what_it_cannot(exported: tuple[Path, str], said: str) -> None:
    assert said in (exported[0] / "README.md").read_text()


def test_the_critic_goes_along_where_its_answer_is_a_probability(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "dcgan-tf-tutorial", **{"model.size": "16"})
    export(run, "--into", tmp_path / "models", "--name", "tutorial", "--critic")
    folder = tmp_path / "models" / "tutorial"
    assert [(end.name, list(end.dims)) for end in config_of(folder).output] == [
        ("IMAGE", [16, 16, 1]),
        ("REALNESS", [1]),
    ]
    assert not (folder / "labels.txt").exists()
    assert "how probable the critic finds it" in (folder / "README.md").read_text()


def test_a_critic_whose_answer_is_no_probability_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "acgan-digits-modern")
    with pytest.raises(TrainingError, match="--critic: recipe acgan-digits-modern has the loss 'hinge', under which"):
        export(run, "--into", tmp_path, "--name", "digits", "--critic")


@pytest.mark.parametrize("option", ["--threshold=0.5", "--images=3", "--data=."])
def test_an_option_of_detectors_is_refused(tmp_path: Path, option: str) -> None:
    run = write_run(tmp_path / "run", "acgan-digits-modern")
    with pytest.raises(TrainingError, match="is the run of a generator, for which there is no such option"):
        export(run, "--into", tmp_path, "--name", "digits", option)


def test_weights_stay_whole_where_half_precision_changes_what_is_made(tmp_path: Path) -> None:
    exported = export_generator(trained(Steep()), Place(tmp_path, "steep"))
    assert "differs by" in exported.refused
    assert not weights_in_half(onnx.load(exported.folder / "1" / "model.onnx"))
    card = (exported.folder / "README.md").read_text()
    assert "weights are stored in float32" in card
    assert "Nothing: this network's run has no summary." in card
