"""MNIST's files are read exactly, packed or not, and a broken one is named."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.training.data.class_sets import DIGITS, data, digits, idx
from training.data.classified_folder import classified_splits
from training.data.idx import read_idx
from training.errors import TrainingError


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)), st.booleans())
def test_what_was_written_is_read(tmp_path: Path, values: NDArray[np.uint8], packed: bool) -> None:
    file = tmp_path / "images"
    file.write_bytes(idx(values, packed=packed))
    read = read_idx(file)
    assert read.shape == values.shape
    assert (read == values).all()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x1f\x8b" + tail))
def test_anything_else_is_one_sentence_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "images"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match="images"):
        read_idx(file)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (idx(np.zeros((2, 3), np.uint8))[:-1], "2 x 3 values are said to follow, but 5 are there"),
        (idx(np.zeros((2, 3), np.uint8)) + b"x", "2 x 3 values are said to follow, but more follow"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 2**31, 2**31), "values are said to follow, but 0 are there"),
        (b"\0\0\x0d\x01" + b"\0" * 8, "no IDX file of bytes: it begins with 00 00 0d 01"),
        (b"\0\0\x08\x03\0", "ends within its head"),
        (b"", "no IDX file of bytes: it begins with nothing"),
        (idx(digits(2), packed=True)[:-40], "Compressed file ended"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "images"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match=f"{file}: .*{complaint}"):
        read_idx(file)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Twenty images to train on, packed, and ten to check with, as MNIST's sites name them in turn."""
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(idx(digits(20), packed=True))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(np.arange(20, dtype=np.uint8) % 10))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(digits(10, seed=1)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(10, dtype=np.uint8), packed=True))
    return tmp_path


def test_mnist_has_its_own_splits(mnist: Path) -> None:
    splits = classified_splits(mnist, data(*DIGITS, width=28, height=28, channels=1))
    assert (splits.train.pixels[:, :, :, 0] == digits(20)).all()
    assert (splits.validation.pixels[:, :, :, 0] == digits(10, seed=1)).all()
    assert splits.train.labels.tolist() == [*range(10), *range(10)]
    assert splits.validation.names[9] == "t10k-images-idx3-ubyte, image 9"


def test_labels_must_be_there_and_as_many_as_images(mnist: Path) -> None:
    (mnist / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(9, np.uint8)))
    with pytest.raises(TrainingError, match="9 labels for the 10 images of t10k-images"):
        classified_splits(mnist, data(*DIGITS))
    (mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(TrainingError, match="t10k-images-idx3-ubyte: the labels of its images are missing"):
        classified_splits(mnist, data(*DIGITS))
