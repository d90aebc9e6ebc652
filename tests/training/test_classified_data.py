"""Which images with classes a run gets."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.data.class_sets import picture
from training.classified_data import classified_images_of
from training.errors import TrainingError
from training.recipe import load_recipe
from training.run import Run


def digits(tmp_path: Path, changes: dict[str, str], data: Path | None = None) -> Run:
    return Run(load_recipe("judge-digits", smoke=True, changes=changes), tmp_path / "run", data=data)


def test_digits_are_real_ones_divided_by_the_seed(tmp_path: Path) -> None:
    everything = digits(tmp_path, {"data.train": "1437", "data.validation": "360"})
    splits = classified_images_of(everything)
    assert splits.train.pixels.shape == (1437, 28, 28, 1)
    assert not set(splits.train.names) & set(splits.validation.names)
    assert min(splits.validation.counts().values()) >= 34  # of 174 to 183 of each class a fifth
    first = splits.validation.take(np.flatnonzero(splits.validation.labels == 1)[:1]).pixels[0, :, :, 0]
    assert first[:, 10:18].mean() > 3 * first[:, :4].mean()  # a one is ink in the middle: bright on black
    again = classified_images_of(everything)
    assert (again.train.pixels == splits.train.pixels).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"data.train": "1790"}, "data.train = 1790 and data.validation = 50: scikit-learn has 1797 digits"),
        ({"data.classes": '["1", "one"]'}, "there is no digit 'one'; there are 0 to 9"),
        ({"data.source": "letters"}, "data.source = 'letters': there are digits, fruits, "),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        classified_images_of(digits(tmp_path, changes))


def test_a_class_without_an_image_to_learn_from_is_named(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "set" / "0" / f"{number}.png")
    (tmp_path / "set" / "1").mkdir()
    with pytest.raises(TrainingError, match="none of the 3 training images is of the class '1'"):
        classified_images_of(digits(tmp_path, {"data.classes": '["0", "1"]'}, tmp_path / "set"))
