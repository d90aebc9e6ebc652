from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.voc import read_voc
from training.errors import TrainingError
from training.render.folders import RenderedFolder
from training.render.scenes import render_scene


def test_what_is_written_is_read_back_as_it_was_rendered(tmp_path: Path) -> None:
    folder = RenderedFolder(tmp_path / "set", "masks", 96, 80)
    assert sum(folder.render(range(3), workers=1)) == 3
    images = read_voc(folder.path, strict=True).images
    assert len(images) == 3
    for seed, image in enumerate(images):
        pixels, boxes = render_scene(seed, 96, 80)
        assert (np.asarray(cv2.imread(str(image.file)))[..., ::-1] == pixels).all()
        assert image.boxes == boxes


def test_several_processes_write_the_same_files(tmp_path: Path) -> None:
    one, two = (RenderedFolder(tmp_path / name, "masks", 64, 64) for name in ("one", "two"))
    sum(one.render(range(10), workers=1))
    sum(two.render(range(10), workers=2))
    written = [file.relative_to(one.path) for file in sorted(one.path.rglob("*.*"))]
    assert len(written) == 20
    for file in written:
        assert (one.path / file).read_bytes() == (two.path / file).read_bytes()


def test_only_what_is_missing_is_rendered(tmp_path: Path) -> None:
    folder = RenderedFolder(tmp_path, "masks", 64, 64)
    sum(folder.render(range(3), workers=1))
    (tmp_path / "annotations" / f"{folder.stem(1)}.xml").unlink()
    assert folder.missing(range(4)) == [1, 3]
    assert sum(folder.render(range(4), workers=1)) == 2


def test_an_unknown_renderer_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no renderer 'trains'; there are masks"):
        list(RenderedFolder(tmp_path, "trains", 64, 64).render(range(1)))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="file"):
        list(RenderedFolder(tmp_path / "file", "masks", 64, 64).render(range(1)))
