"""Sheets show the same seeds always, a class in each column, and a film strip shows how they came about."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.adversarial.model import Latent
from training.errors import TrainingError
from training.generators.drawing import draw_latents
from training.samples import film_strip, sample_sheet, tiled, write_picture, write_sheet


class Plain(nn.Module):
    """Images of one colour: red is the first value of the latent vector, green the class."""

    def __init__(self, classes: int, size: int = 32) -> None:
        super().__init__()
        self.classes, self.latent, self.size = classes, Latent(2, "uniform"), size

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        green = torch.zeros(len(latents)) if labels is None else labels / max(1, self.classes)
        colours = torch.stack((latents[:, 0], green, torch.full_like(green, -1)), dim=1)
        return colours[:, :, None, None].expand(-1, -1, self.size, self.size)


def test_a_place_of_a_sheet_is_one_seed_and_a_column_one_class() -> None:
    sheet = sample_sheet(Plain(3))
    assert sheet.shape == (8 * 34 + 2, 3 * 34 + 2, 3)
    reds = draw_latents(Latent(2, "uniform"), range(24))[:, 0]
    for place, red in enumerate(reds):
        row, column = divmod(place, 3)
        pixel = sheet[2 + 34 * row, 2 + 34 * column]
        assert abs(pixel[0] - (red + 1) * 127.5) <= 0.5 + 1e-3  # rounded
        assert abs(pixel[1] - (column / 3 + 1) * 127.5) <= 0.5 + 1e-3
    assert (sheet[:2] == 255).all()


def test_large_images_are_fewer_on_a_sheet() -> None:
    assert sample_sheet(Plain(0, size=32)).shape[:2] == (274, 274)
    assert sample_sheet(Plain(0, size=256)).shape[:2] == (4 * 258 + 2, 4 * 258 + 2)


def test_a_strip_has_the_top_rows_of_the_sheets_in_the_order_of_their_steps(tmp_path: Path) -> None:
    assert film_strip(tmp_path, 32) is None
    generator = Plain(0)
    for step in (1000, 20, 300):
        write_sheet(generator, step, tmp_path)
    file = film_strip(tmp_path, 32)
    assert file == tmp_path / "strip.png"
    strip = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    assert strip is not None
    assert strip.shape == (3 * 34, 96 + 274, 3)
    row = sample_sheet(generator)[:34]
    for place in range(3):
        assert np.array_equal(strip[34 * place : 34 * (place + 1), 96:], row)
    assert (strip[:, :96] < 128).any()  # the steps are written there


def test_a_long_training_is_shown_by_twelve_of_its_sheets(tmp_path: Path) -> None:
    for step in range(40):
        write_picture(np.full((34, 70, 3), step, np.uint8), tmp_path / f"step-{step:08d}.png")
    strip = cv2.imread(str(film_strip(tmp_path, 32)))
    assert strip is not None
    assert len(strip) == 12 * 34
    assert (strip[0, -1, 0], strip[-1, -1, 0]) == (0, 39)


def test_grey_images_and_unfilled_rows_are_drawn(tmp_path: Path) -> None:
    sheet = tiled(np.zeros((3, 8, 8, 1), np.uint8), 2)
    assert sheet.shape == (22, 22, 1)
    assert (sheet[12:20, 12:20] == 255).all()
    write_picture(sheet, tmp_path / "step-00000001.png")
    assert film_strip(tmp_path, 8) is not None


def test_a_damaged_sheet_is_named(tmp_path: Path) -> None:
    (tmp_path / "step-00000001.png").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"step-00000001.png is damaged, or no PNG"):
        film_strip(tmp_path, 32)
