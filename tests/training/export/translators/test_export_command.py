"""`python -m training export` of a translator's run: a folder for each direction, or one sentence."""

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

from tests.training.export.translators.tiny import Steep, examples, trained
from training.__main__ import application
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.export.graph import weights_in_half
from training.export.repository import Place
from training.export.sheet import MOST_BYTES
from training.export.translators.pipeline import export_translator
from training.recipe import load_recipe
from training.translators.registry import build_model, kept

SUMMARY = {
    "data": "maps",
    "device": "a processor, 2 threads",
    "wall_clock_s": 90.0,
    "images_per_s": 12.5,
    "metric": "score",
    "best": {"epoch": 3, "l1": 0.0417, "psnr": 24.5, "accuracy": 0.68, "score": 0.68},
    "paper": {"critic accuracy": 1.0},
    "images": {"train": {"images": 8}, "validation": {"images": 4}},
    "versions": {"torch": "2.14.0"},
}


def write_run(folder: Path, name: str, summary: dict[str, Any]) -> Path:
    """A finished run of a recipe's smallest size."""
    recipe = load_recipe(name, smoke=True)
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    torch.manual_seed(1)
    save_weights(kept(build_model(recipe)), folder / "best.safetensors")
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def export(*arguments: object) -> str:
    """What the command prints; what it raises is raised."""
    result = CliRunner().invoke(application(), ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def config_of(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def translation_of(folder: Path) -> dict[str, Any]:
    stated: dict[str, Any] = json.loads(config_of(folder).parameters["imago.translation"].string_value)
    return stated


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of maps, and what the command said about it."""
    root = tmp_path_factory.mktemp("export")
    run = write_run(root / "run", "pix2pix-maps", SUMMARY)
    said = export(run, "--into", root / "models", "--description", "Maps of towns.")
    return root / "models" / "aerial_to_map", said


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a translator with two directions."""
    summary = {"metric": "score", "best": {"epoch": 1, "cycle": 0.08}, "images": {}, "device": "x", "wall_clock_s": 1.0}
    return write_run(tmp_path_factory.mktemp("animals") / "run", "cyclegan-cow2horse", summary)


def test_the_command_says_what_was_proven(mapper: tuple[Path, str]) -> None:
    _, said = mapper
    for engine in ("onnxruntime, f32", "OpenVINO, f32"):
        assert re.search(rf"{engine}: \d+ images are those of the network \(within [\d.]+ of 255 in the mean", said)
    assert "aerial_to_map, version 1, Apache-2.0" in said


def test_the_folder_says_what_the_service_must_know(mapper: tuple[Path, str]) -> None:
    folder, _ = mapper
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"1/model.onnx", "README.md", "config.pbtxt", "samples.png"}
    config = config_of(folder)
    assert (config.backend, config.max_batch_size, config.HasField("dynamic_batching")) == ("onnxruntime", 8, True)
    pixels = model_config_pb2.DataType.TYPE_UINT8
    assert [(end.name, end.data_type, list(end.dims)) for end in (*config.input, *config.output)] == [
        ("IMAGE", pixels, [-1, -1, 3]),
        ("TRANSLATED", pixels, [-1, -1, 3]),
    ]
    warmed = [(sample.batch_size, list(sample.inputs["IMAGE"].dims)) for sample in config.model_warmup]
    assert warmed == [(1, [256, 256, 3]), (8, [256, 256, 3])]
    assert translation_of(folder) == {
        "family": "maps", "direction": "aerial_to_map", "opposite": "map_to_aerial",
        "multiple": 16, "least": 16, "tile": 256, "overlap": 64, "large": "tile",
    }  # fmt: skip
    said = {key: value.string_value for key, value in config.parameters.items()}
    assert said["imago.precisions"].endswith("f32")
    assert (said["imago.task"], said["imago.description"], said["imago.licence"]) == (
        "image-translation", "Maps of towns.", "Apache-2.0"
    )  # fmt: skip


def test_the_sheet_has_a_row_of_inputs_one_of_what_is_made_and_one_of_what_was_wanted(mapper: tuple[Path, str]) -> None:
    file = mapper[0] / "samples.png"
    picture = cv2.imread(str(file))
    assert picture is not None
    assert picture.shape[:2] == (3 * 34 + 2, 4 * 34 + 2), "three rows of the four held-out pairs of 32 pixels"
    assert file.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize(
    "said",
    [
        "# aerial_to_map\n\nAerial",
        "![aerial above, map below](samples.png)",
        "the map that belongs to it. Not one was chosen.",
        "| Direction | `aerial_to_map`, of the family `maps`; back: `map_to_aerial` |",
        "| Network | `pix2pix`, trained at 32 px, ",
        "`maps`: rendered by this project, 32 x 32 px",
        "Sides are multiples of 16 pixels and at least 16",
        "cuts larger images into tiles of 256 that overlap by 64",
        "| l1 | 0.042 | - |",
        "| critic accuracy | - | 1.0 |",
        "The weights are those of epoch 3, the best by `score`.",
        "| OpenVINO | f32 |",
        "| Licence | Apache-2.0 |",
        "Learned from pictures that a program draws",
    ],
)
def test_the_card_says_where_the_model_comes_from_and_what_it_cannot(mapper: tuple[Path, str], said: str) -> None:
    assert said in (mapper[0] / "README.md").read_text()


def test_each_direction_gets_a_folder_that_names_the_one_back(animals: Path, tmp_path: Path) -> None:
    export(animals, "--into", tmp_path, "--tile", 64)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["cow_to_horse", "horse_to_cow"]
    for name, back in (("cow_to_horse", "horse_to_cow"), ("horse_to_cow", "cow_to_horse")):
        stated = translation_of(tmp_path / name)
        assert (stated["family"], stated["direction"], stated["opposite"]) == ("animals", name, back)
        assert (stated["tile"], stated["large"]) == (64, "shrink")
    card = (tmp_path / "cow_to_horse" / "README.md").read_text()
    assert "it changes colours and textures and keeps shapes" in card
    assert "only what is left of it at that size is translated" in card


def test_one_direction_can_have_a_name_and_a_family_of_its_own(animals: Path, tmp_path: Path) -> None:
    options = ("--direction", "horse_to_cow", "--name", "cows", "--family", "farm")
    export(animals, "--into", tmp_path, *options)
    (folder,) = tmp_path.iterdir()
    assert folder.name == config_of(folder).name == "cows"
    assert (translation_of(folder)["family"], translation_of(folder)["direction"]) == ("farm", "horse_to_cow")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--name", "farm"), "--name farm: .* has the directions cow_to_horse, horse_to_cow: choose one with"),
        (("--direction", "cow_to_dog"), "--direction cow_to_dog: .* was trained for cow_to_horse, horse_to_cow"),
        (("--tile", "33"), "--tile 33: the network takes multiples of 4 from 16 on"),
        (("--critic",), "--critic: .* is the run of a translator, for which there is no such option"),
        (("--threshold", "0.5"), "--threshold: .* is the run of a translator, for which there is no such option"),
        (("--description", " "), "--description is empty"),
        (("--version", "0"), "--version 0: versions are numbered from 1"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    animals: Path, tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    with pytest.raises(TrainingError, match=why):
        export(animals, "--into", tmp_path / "models", *options)
    assert not (tmp_path / "models").exists()


def test_only_translators_have_names_of_their_own(tmp_path: Path) -> None:
    recipe = load_recipe("acgan-digits-modern", smoke=True)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    with pytest.raises(TrainingError, match="--name is missing: what is the generator of .* to be called"):
        export(tmp_path, "--into", tmp_path / "models")


def test_weights_stay_whole_where_half_precision_changes_what_is_made(tmp_path: Path) -> None:
    exported = export_translator(trained(Steep()), examples(), Place(tmp_path, "steep"))
    assert "differs" in exported.refused
    assert not weights_in_half(onnx.load(exported.folder / "1" / "model.onnx"))
    card = (exported.folder / "README.md").read_text()
    assert "weights are stored in float32" in card
    assert "Nothing: this network's run has no summary." in card
