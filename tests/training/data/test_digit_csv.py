"""Kaggle's tables of digits are read exactly, and whatever is wrong in them is named with its file and line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.data.class_sets import DIGITS, data, digits, table
from training.data.classified_folder import classified_splits
from training.data.digit_csv import read_digit_csv
from training.errors import TrainingError

ZEROS = ",".join(["0"] * 784)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 2**32),
)
def test_what_was_written_is_read(tmp_path: Path, labels: list[int], header: bool, end: str, seed: int) -> None:
    pixels = digits(len(labels), seed)
    file = tmp_path / "train.csv"
    file.write_text(table(pixels, labels, header=header, end=end), encoding="utf-8-sig", newline="")
    read = read_digit_csv(file)
    assert read.labels is not None
    assert read.labels.tolist() == labels
    assert (read.pixels == pixels).all()
    assert read.lines == list(range(1 + header, len(labels) + 1 + header))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("3,4", "line 4: 2 columns, where a label and 28 x 28 pixels are 785, and pixels alone 784"),
        (ZEROS, "line 4: 784 columns"),
        (f"10,{ZEROS}", "line 4, column 1: the label '10' is no whole number from 0 to 9"),
        (f"1,{ZEROS[:-1]}256", "line 4, column 785: the pixel '256' is no whole number from 0 to 255"),
        (f"1,-1{ZEROS[1:]}", "line 4, column 2: the pixel '-1' is no whole number from 0 to 255"),
        (f"1,0.5{ZEROS[1:]}", r"line 4, column 2: the pixel '0\.5' is no whole number"),
        (f"1,99999999{ZEROS[1:]}", "line 4, column 2: the pixel '99999999' is no whole number"),
        (f"1,{ZEROS[1:]}", "line 4, column 2: the pixel '' is no whole number"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    file = tmp_path / "train.csv"
    file.write_text(table(digits(1), [7]) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=f"train.csv, {complaint}"):
        read_digit_csv(file)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_anything_else_is_one_sentence_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "train.csv"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match="train.csv"):
        read_digit_csv(file)


def test_the_folder_is_used_by_its_train_csv(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(table(digits(20), [i % 10 for i in range(20)]))
    (tmp_path / "test.csv").write_text(table(digits(3), None))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    splits = classified_splits(tmp_path, data("3", "8", width=28, height=28, channels=1))
    assert splits.train.classes == ("3", "8")
    assert len(splits.train) + len(splits.validation) == 4
    assert set(splits.train.names) <= {f"train.csv, line {line}" for line in (5, 10, 15, 20)}


def test_pixels_without_labels_serve_a_single_class_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "test.csv"
    file.write_text(table(digits(5), None))
    with pytest.raises(TrainingError, match=r"test\.csv: 784 columns are pixels without labels, .* name train\.csv"):
        classified_splits(file, data(*DIGITS))
    assert classified_splits(file, data("digit")).counts()["train"] == {"images": 4, "digit": 4}


def test_all_pixels_reach_the_recipe_unchanged(tmp_path: Path) -> None:
    pixels = digits(10)
    (tmp_path / "train.csv").write_text(table(pixels, [4] * 10))
    splits = classified_splits(tmp_path, data("4", width=28, height=28, channels=1))
    together = np.concatenate((splits.train.pixels, splits.validation.pixels))[:, :, :, 0]
    assert {image.tobytes() for image in together} == {image.tobytes() for image in pixels}
