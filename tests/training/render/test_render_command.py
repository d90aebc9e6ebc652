from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.pair_folder import paired_splits
from training.data.voc import read_voc
from training.recipe import Data
from training.render.maps import render_map_pair

Command = Callable[..., tuple[int, str, str]]


def test_a_folder_of_pictures_and_a_contact_sheet_are_written(command: Command, tmp_path: Path) -> None:
    into, sheet = tmp_path / "set", tmp_path / "sheet.png"
    arguments = ("render", "masks", "--count=3", "--seed=5", "--size=96x64", f"--into={into}", f"--sheet={sheet}")
    code, said, _ = command(*arguments)
    assert code == 0
    assert f"{into}: 3 pictures, " in said
    images = read_voc(into, strict=True).images
    assert [(image.width, image.height) for image in images] == [(96, 64)] * 3
    assert np.asarray(cv2.imread(str(sheet))).size > 0
    written = {image.file: image.file.stat().st_mtime_ns for image in images}
    assert command(*arguments)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in written} == written


def test_pairs_are_written_as_the_public_maps_are_and_read_back(command: Command, tmp_path: Path) -> None:
    into, sheet = tmp_path / "set", tmp_path / "sheet.png"
    arguments = ("render", "maps", "--count=5", "--seed=3", "--size=64x48", f"--into={into}", f"--sheet={sheet}")
    code, said, _ = command(*arguments)
    assert code == 0
    assert f"{into}: 5 pairs, each side by side in one picture" in said
    assert np.asarray(cv2.imread(str(sheet))).size > 0
    table = {"source": "maps", "classes": ("aerial", "map"), "train": 1, "validation": 1, "width": 64, "height": 48}
    splits = paired_splits(into, Data.model_validate(table))
    assert (len(splits.train), len(splits.validation)) == (4, 1)
    given, wanted = render_map_pair(int(Path(splits.train.names[0]).stem), 64, 48)
    assert np.abs(splits.train.inputs[0].astype(int) - given).mean() < 8, "JPEG"
    assert np.abs(splits.train.targets[0].astype(int) - wanted).mean() < 5
    written = {file: file.stat().st_mtime_ns for file in into.iterdir()}
    assert command(*arguments)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in into.iterdir()} == written


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--size=96", "--size 96: must be width x height in pixels"),
        ("--size=96x8", "--size 96x8: each side must be 32 to 4096 pixels"),
        ("--size=axb", "--size axb: must be width x height in pixels"),
    ],
)
def test_a_wrong_size_is_one_sentence(command: Command, tmp_path: Path, option: str, sentence: str) -> None:
    code, _, error = command("render", "masks", f"--into={tmp_path}", option)
    assert code == 1
    assert sentence in error


def test_an_unknown_renderer_is_one_sentence(command: Command, tmp_path: Path) -> None:
    code, _, error = command("render", "trains", f"--into={tmp_path}")
    assert code == 1
    assert "there is no renderer 'trains'; there are masks, construction, maps, edges, colorize" in error
