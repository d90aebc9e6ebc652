"""A YOLO trains through ultralytics into the same run folder as every other detector."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.squares import squares_folder
from training.checkpoint import load_weights, read_weights, save_weights
from training.curves import read_metrics
from training.detectors.registry import build_detector
from training.detectors.yolo import train_yolo
from training.detectors.yolo_package import network_in, read_checkpoint
from training.errors import TrainingError
from training.recipe import Recipe, load_recipe
from training.run import Run
from training.summary import read_summary

CLASSES = ("without_mask", "with_mask", "mask_weared_incorrect")
SMALL = {"model.size": "64", "loop.batch": "4"}


def recipe(**changes: str) -> Recipe:
    named = {field.replace("__", "."): value for field, value in changes.items()}
    return load_recipe("mask-yolo", smoke=True, changes={**SMALL, **named})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squares_folder(tmp_path_factory.mktemp("squares"), 8, 3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Run:
    """One epoch, done."""
    finished = Run(recipe(), tmp_path_factory.mktemp("runs") / "yolo", data=folder)
    train_yolo(finished)
    return finished


def test_the_run_folder_is_that_of_every_detector(run: Run) -> None:
    (record,) = read_metrics(run.metrics)
    assert (record["epoch"], record["step"]) == (1, 2)
    assert {"loss/box", "loss/cls", "loss/dfl", "mAP50", "mAP50-95", "learning_rate"} <= set(record)
    assert {f"AP50/{label}" for label in CLASSES} <= set(record)
    summary = read_summary(run.folder)
    assert summary["images"]["train"]["images"] == 8
    assert (summary["epochs"], summary["metric"], summary["processes"]) == (1, "mAP50-95", 1)
    assert summary["images_per_s"] > 0
    assert summary["wall_clock_s"] > 0
    assert json.loads((run.folder / "recipe.json").read_text())["model"]["name"] == "yolo11n"
    assert (run.folder / "curves.png").stat().st_size > 1000
    assert any((run.folder / "tensorboard").iterdir())


def test_the_best_weights_are_the_averaged_ones_as_safetensors(run: Run) -> None:
    detector = build_detector(run.recipe.model, CLASSES)
    load_weights(detector, run.best)
    kept = network_in(read_checkpoint(run.checkpoints / "ultralytics/weights/best.pt")).state_dict()
    for name, value in read_weights(run.best).items():
        assert torch.equal(value, kept[name.removeprefix("network.")].to(value.dtype)), name


def test_a_run_goes_on_after_its_last_epoch(run: Run) -> None:
    with pytest.raises(TrainingError, match="is finished: raise loop.epochs|already has 1 epochs"):
        train_yolo(Run(recipe(), run.folder, data=run.data, resume=True))
    before = read_metrics(run.metrics)
    train_yolo(Run(recipe(loop__epochs="2"), run.folder, data=run.data, resume=True))
    records = read_metrics(run.metrics)
    assert records[:1] == before
    assert [(record["epoch"], record["step"]) for record in records] == [(1, 2), (2, 4)]
    assert read_summary(run.folder)["epochs"] == 2


def test_a_damaged_checkpoint_and_none_at_all_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no file .*last\.pt"):
        train_yolo(Run(recipe(), tmp_path / "none", data=folder, resume=True))
    last = tmp_path / "damaged/checkpoints/ultralytics/weights/last.pt"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(TrainingError, match=r"last\.pt is no checkpoint of ultralytics, or it is damaged"):
        train_yolo(Run(recipe(), tmp_path / "damaged", data=folder, resume=True))
    with pytest.raises(TrainingError, match="holds an unfinished run: go on with --resume"):
        train_yolo(Run(recipe(), tmp_path / "damaged", data=folder))


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_files(tmp_path: Path, folder: Path) -> None:
    wild = recipe(model__options__training__box="1e39")
    with pytest.raises(TrainingError, match=r"step 1: .*(nan|inf).* the batch was .*\.png"):
        train_yolo(Run(wild, tmp_path / "wild", data=folder))
    assert not (tmp_path / "wild/summary.json").exists()


def test_what_ultralytics_refuses_is_one_sentence(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"ultralytics refuses the recipe: 'lr0=30\.0'"):
        train_yolo(Run(recipe(optimiser__learning_rate="30"), tmp_path / "run", data=folder))


def test_training_starts_from_weights_of_a_similar_network(tmp_path: Path, folder: Path, run: Run) -> None:
    other = build_detector(run.recipe.model, ("a", "b", "c", "d"))
    save_weights(other, tmp_path / "other.safetensors")
    torch.save({"model": other.network}, tmp_path / "other.pt")
    first = "network.model.0.conv.weight"
    for name in ("other.pt", "other.safetensors"):
        still = recipe(model__weights=str(tmp_path / name), optimiser__learning_rate="1e-12")
        train_yolo(Run(still, tmp_path / f"from {name}", data=folder))
        trained = read_weights(tmp_path / f"from {name}/best.safetensors")[first]
        torch.testing.assert_close(trained, other.state_dict()[first], atol=1e-3, rtol=0)  # kept as float16


def test_weights_of_another_network_are_refused(tmp_path: Path, folder: Path) -> None:
    torch.save({"model": build_detector(recipe(model__name="yolov5n").model, CLASSES).network}, tmp_path / "v5.pt")
    with pytest.raises(TrainingError, match=r"v5\.pt holds another network"):
        train_yolo(Run(recipe(model__weights=str(tmp_path / "v5.pt")), tmp_path / "run", data=folder))


def test_a_class_without_examples_is_named(tmp_path: Path) -> None:
    few = squares_folder(tmp_path / "few", 4, 2, labels=CLASSES[:2])
    with pytest.raises(TrainingError, match="class 'mask_weared_incorrect'"):
        train_yolo(Run(recipe(), tmp_path / "run", data=few))


def test_a_photograph_that_ultralytics_would_turn_is_refused(tmp_path: Path) -> None:
    turned = squares_folder(tmp_path / "turned", 4, 2)
    file = sorted((turned / "images").iterdir())[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.asarray(cv2.imread(str(file)))).save(file, exif=exif)
    with pytest.raises(TrainingError, match=rf"{file.name} is turned by its EXIF orientation"):
        train_yolo(Run(recipe(), tmp_path / "run", data=turned))


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    damaged = squares_folder(tmp_path / "damaged", 4, 2)
    file = sorted((damaged / "images").iterdir())[1]
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(TrainingError, match=rf"{file.name} is missing or damaged"):
        train_yolo(Run(recipe(), tmp_path / "run", data=damaged))


def test_two_processes_are_refused(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="a YOLO is trained in one process"):
        train_yolo(Run(recipe(), tmp_path / "run", data=folder))
