"""The run folder: whose it is, and what a run may do to it."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.errors import TrainingError
from training.generators.registry import build_model
from training.recipe import load_recipe
from training.run import Run, prepare_folder, read_json, without_starts, write_json


def test_a_new_run_removes_what_a_finished_one_left_and_nothing_else(tmp_path: Path) -> None:
    run = Run(load_recipe("mask-compact"), tmp_path)
    (tmp_path / "checkpoints" / "step-00000003").mkdir(parents=True)
    (tmp_path / "tensorboard").mkdir()
    for name in ("summary.json", "metrics.jsonl", "best.safetensors", "notes.txt"):
        (tmp_path / name).write_text("{}")
    prepare_folder(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "recipe.json"]
    assert read_json(tmp_path / "recipe.json")["name"] == "mask-compact"


def test_only_the_length_of_a_run_may_change_when_it_is_resumed(tmp_path: Path) -> None:
    def run(zoom: str, **loop: str) -> Run:
        changes = {"augment.zoom": zoom, **{f"loop.{field}": value for field, value in loop.items()}}
        return Run(load_recipe("mask-compact", changes=changes), tmp_path)

    prepare_folder(run("[0.5, 1.5]"))
    prepare_folder(replace(run("[0.5, 1.5]", epochs="999", workers="0"), resume=True))
    with pytest.raises(TrainingError, match=r"was begun with augment.zoom = \[0.5, 1.5\], not \[1.0, 2.0\]"):
        prepare_folder(replace(run("[1, 2]"), resume=True))


def test_a_run_that_was_begun_before_a_field_existed_is_resumed_with_its_default(tmp_path: Path) -> None:
    run = Run(load_recipe("mask-compact"), tmp_path)
    prepare_folder(run)
    written = read_json(tmp_path / "recipe.json")
    del written["optimiser"]["decay_from"]
    write_json(tmp_path / "recipe.json", written)
    prepare_folder(replace(run, resume=True))


def test_json_is_written_whole_and_damage_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    (tmp_path / "a.json").write_text('{"b": [1,')
    with pytest.raises(TrainingError, match=r"a.json is damaged: "):
        read_json(tmp_path / "a.json")
    with pytest.raises(TrainingError, match=r"there is no file .*b.json"):
        read_json(tmp_path / "b.json")


def test_a_finished_network_is_built_without_the_files_that_it_started_from() -> None:
    changes = {"model.weights": "gone.safetensors", "model.options.critic_weights": "gone.safetensors"}
    recipe = load_recipe("dcgan-animals-256", smoke=True, changes=changes)
    with pytest.raises(TrainingError, match="there is no file of weights"):
        build_model(recipe)
    finished = without_starts(recipe)
    assert build_model(finished).generator is not None
    assert finished.model.options == {
        name: value for name, value in recipe.model.options.items() if name != "critic_weights"
    }
