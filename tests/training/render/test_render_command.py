from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.voc import read_voc

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
    assert "there is no renderer 'trains'; there are masks" in error
