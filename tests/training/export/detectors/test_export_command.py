"""`python -m training export`: a run folder in, a proven model folder out; what cannot be exported gets a sentence."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from tests.training.export.networks import Steep
from training.__main__ import application
from training.checkpoint import save_weights
from training.data.annotations import AnnotatedImage, LabelledBox
from training.data.voc import write_voc
from training.detectors.registry import build_detector
from training.errors import TrainingError
from training.export.detectors.pipeline import export_detector
from training.export.detectors.trained import TrainedDetector, load_run
from training.export.graph import weights_in_half
from training.export.repository import Place
from training.recipe import load_recipe

SUMMARY = {
    "recipe": "mask-compact",
    "data": "masks",
    "device": "a processor, 2 threads",
    "wall_clock_s": 90.0,
    "images_per_s": 12.5,
    "best": {"epoch": 3, "mAP50": 0.912, "mAP50-95": 0.7, "AP50/with_mask": None},
    "paper": {"mAP50": "not reported", "loss": 0.103},
    "images": {
        "train": {"images": 16, "with_mask": 20, "without_mask": 12},
        "validation": {"images": 4, "with_mask": 5},
    },
    "versions": {"torch": "2.14.0"},
}


def write_run(folder: Path, **summary: Any) -> Path:
    """A finished run of the compact detector, for 64 pixels."""
    recipe = load_recipe(
        "mask-compact", smoke=True, changes={"model.size": "64", "data.width": "64", "data.height": "64"}
    )
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    torch.manual_seed(1)
    save_weights(build_detector(recipe.model, recipe.data.classes), folder / "best.safetensors")
    (folder / "summary.json").write_text(json.dumps(SUMMARY | summary))
    return folder


def export(*arguments: object) -> str:
    """What the command prints; what it raises is raised."""
    result = CliRunner().invoke(application(), ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A model folder, and what the command said about it."""
    root = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)  # rendered images are kept in build/data
        said = export(write_run(root / "run"), "--into", root / "models", "--name", "masks", "--images", 3)
    return root / "models" / "masks", said


def test_the_command_says_what_was_proven(exported: tuple[Path, str]) -> None:
    _, said = exported
    assert "onnxruntime, f32: " in said
    assert "OpenVINO, f32: " in said
    assert "detections on 3 images are equal" in said
    assert "masks: version 1, Apache-2.0" in said


def test_the_graph_is_of_the_runs_weights(exported: tuple[Path, str]) -> None:
    folder, _ = exported
    model = onnx.load(folder / "1" / "model.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "recipe": "mask-compact",
        "licence": "Apache-2.0",
    }


@pytest.mark.parametrize(
    "said",
    [
        "# masks\n\nFace masks with our own small anchor-free network",
        "`compact` for 64 px, 346,053 weights",
        "weights are stored in half precision",
        "`training/recipes/mask-compact.toml`: 1 epochs of batch 8, adamw",
        "`masks`: rendered by this project, 64 x 64 px, first seed 1; "
        "16 images (20 with_mask, 12 without_mask) to learn; 4 images (5 with_mask) to measure",
        "a processor, 2 threads, 1.5 minutes, 12.5 images/s (torch 2.14.0)",
        "| mAP50 | 0.912 | not reported |",
        "| loss | - | 0.103 |",
        "on 4 images that training never saw",
        "epoch 3",
        "| onnxruntime | f32 |",
        "Not one photograph was used",
        "| Licence | Apache-2.0 |",
    ],
)
def test_the_card_says_where_the_model_comes_from_and_what_it_cannot(exported: tuple[Path, str], said: str) -> None:
    assert said in (exported[0] / "README.md").read_text()


def test_a_second_export_needs_force_and_is_refused_before_any_work(exported: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = exported
    with pytest.raises(TrainingError, match="already has version 1"):
        export(tmp_path / "no run", "--into", folder.parent, "--name", "masks")


def test_images_of_a_folder_prove_it_too_and_the_card_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = []
    for number in range(20):
        file = tmp_path / f"{number}.png"
        cv2.imwrite(str(file), np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8))
        boxes = tuple(LabelledBox(label, (5, 5, 30, 30)) for label in load_recipe("mask-compact").data.classes)
        images.append(AnnotatedImage(file, 60, 40, boxes))
    write_voc(tmp_path / "photographs", images)
    run = write_run(tmp_path / "run", data=str(tmp_path / "photographs"))
    said = export(run, "--into", "models", "--name", "masks", "--images", 2)
    assert "equal" in said
    card = Path("models/masks/README.md").read_text()
    assert "`photographs`: 16 images" in card
    assert "one set of images" in card
    assert str(tmp_path) not in card


def test_weights_stay_whole_where_half_precision_changes_what_is_found(
    tmp_path: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    steep = TrainedDetector(load_recipe("mask-compact", changes={"model.size": "64"}), Steep(), {})
    exported = export_detector(steep, pictures, Place(tmp_path, "masks"), 0.5)
    assert "has no equal" in exported.refused
    assert not weights_in_half(onnx.load(exported.folder / "1" / "model.onnx"))
    card = (exported.folder / "README.md").read_text()
    assert "weights are stored in float32" in card
    assert "Nothing: this network's run has no summary." in card


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no run 'nothing': neither nothing nor build/runs/nothing has"):
        export("nothing", "--into", tmp_path, "--name", "masks")


def test_a_damaged_recipe_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for text, sentence in (('{"name": 3', "is damaged"), ('{"name": "x"}', "title: Field required")):
        (run / "recipe.json").write_text(text)
        with pytest.raises(TrainingError, match=sentence):
            load_run(run)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["data"]["classes"].append("fourth")
    (run / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(TrainingError, match="is of another network"):
        load_run(run)


def test_a_threshold_beyond_the_scores_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run")
    with pytest.raises(TrainingError, match="--threshold 2: a score lies in 0..1"):
        export(run, "--into", "models", "--name", "masks", "--threshold", 2, "--images", 1)
