"""Files of ultralytics are pickles: they are read without running what may be in them."""

import os
from pathlib import Path

import pytest
import torch

from tests.training.detectors.yolos import tiny_yolo
from training.detectors.yolo_package import load_fitting, network_in, read_checkpoint
from training.errors import TrainingError


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_gives_its_network(tmp_path: Path) -> None:
    network = tiny_yolo().network
    torch.save({"model": network, "ema": None, "epoch": -1}, tmp_path / "a.pt")
    read = network_in(read_checkpoint(tmp_path / "a.pt")).state_dict()
    assert all(torch.equal(value, read[name]) for name, value in network.state_dict().items())


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": tiny_yolo().network, "other": Harmful(tmp_path / "harm")}, tmp_path / "a.pt")
    with pytest.raises(TrainingError, match=r"a\.pt is no checkpoint of ultralytics, or it is damaged"):
        read_checkpoint(tmp_path / "a.pt")
    assert not (tmp_path / "harm").exists()


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "tensors.pt")
    (tmp_path / "text.pt").write_text("no pickle")
    torch.save({"model": tiny_yolo().network}, tmp_path / "cut.pt")
    whole = (tmp_path / "cut.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    for name in ("tensors", "text", "cut"):
        with pytest.raises(TrainingError, match=rf"{name}\.pt is no checkpoint"):
            read_checkpoint(tmp_path / f"{name}.pt")
    with pytest.raises(TrainingError, match=r"there is no file .*nowhere\.pt"):
        read_checkpoint(tmp_path / "nowhere.pt")


def test_weights_are_taken_where_they_fit(tmp_path: Path) -> None:
    network, other = tiny_yolo(seed=1).network, tiny_yolo(seed=2).network
    given = {name: value.half() for name, value in other.state_dict().items()}
    head = next(name for name in given if name.endswith("cv3.0.2.weight"))
    kept = network.state_dict()[head].clone()
    given[head] = torch.zeros(80, 8, 1, 1)
    taken = load_fitting(network, given, tmp_path / "a.pt")
    assert taken == len(given) - 1
    assert torch.equal(network.state_dict()[head], kept)
    first = next(iter(given))
    assert torch.equal(network.state_dict()[first], given[first].float())
    with pytest.raises(TrainingError, match=r"a\.pt holds another network: 1 of \d+ tensors fit"):
        load_fitting(network, {first: given[first]}, tmp_path / "a.pt")
