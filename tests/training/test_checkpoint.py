"""Weights and checkpoints survive crashes; what is damaged is named."""

from pathlib import Path

import pytest
import torch
from torch import nn

from training.checkpoint import Checkpoints, initialise, load_weights, read_weights, save_weights
from training.errors import TrainingError


def network(outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))


def equal(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_weights_are_read_back_bit_by_bit(tmp_path: Path) -> None:
    saved, loaded = network(), network()
    save_weights(saved, tmp_path / "w.safetensors", {"epoch": "3"})
    load_weights(loaded, tmp_path / "w.safetensors")
    assert equal(saved, loaded)
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_that_two_layers_share_are_saved(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    save_weights(tied, tmp_path / "w.safetensors")
    assert torch.equal(read_weights(tmp_path / "w.safetensors")["1.weight"], tied.get_parameter("0.weight"))


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    save_weights(network(outputs=5), tmp_path / "w.safetensors")
    with pytest.raises(TrainingError, match=r"w.safetensors is of another network: '2.weight' is \[5, 4\] there and"):
        load_weights(network(), tmp_path / "w.safetensors")
    with pytest.raises(TrainingError, match="'1.weight' is not in it|which the network has not"):
        load_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5)), tmp_path / "w.safetensors")


def test_a_similar_network_starts_from_what_fits(tmp_path: Path) -> None:
    source, target = network(outputs=5), nn.ModuleDict({"network": network()})
    torch.save(source.state_dict(), tmp_path / "w.pth")
    assert initialise(target, tmp_path / "w.pth", ("", "network.")) == ["network.2.weight", "network.2.bias"]
    assert torch.equal(target.get_parameter("network.0.weight"), source.get_parameter("0.weight"))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    save_weights(nn.Linear(7, 7), tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match="other.safetensors is of another network: it has 0 of the 9 tensors"):
        initialise(network(), tmp_path / "other.safetensors")


def test_a_pickle_that_could_run_code_is_not_loaded(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "whole.pt")  # a module, not its tensors
    with pytest.raises(TrainingError, match=r"whole.pt is damaged, or no PyTorch file of plain tensors"):
        read_weights(tmp_path / "whole.pt")
    torch.save({"epoch": 3}, tmp_path / "numbers.pt")
    with pytest.raises(TrainingError, match=r"numbers.pt holds no weights"):
        read_weights(tmp_path / "numbers.pt")


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no file of weights .*gone.safetensors"):
        read_weights(tmp_path / "gone.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00\x01 cut off")
    with pytest.raises(TrainingError, match=r"cut.safetensors is no whole safetensors file"):
        read_weights(tmp_path / "cut.safetensors")


def test_the_newest_checkpoint_is_the_only_one_and_comes_back_whole(tmp_path: Path) -> None:
    checkpoints, first, second = Checkpoints(tmp_path), network(), network()
    checkpoints.save(9, {"a": first}, {"step": 9})
    checkpoints.save(10, {"a": second}, {"step": 10, "moments": [torch.ones(2)], "name": "x"})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]
    loaded = network()
    state = checkpoints.load({"a": loaded})
    assert (state["step"], state["name"], state["moments"][0].tolist()) == (10, "x", [1, 1])
    assert equal(loaded, second)


def test_a_crash_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": network()}, {"step": 1})
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "a.safetensors").write_bytes(b"half")
    assert checkpoints.load({"a": network()})["step"] == 1
    checkpoints.save(2, {"a": network()}, {"step": 2})
    assert checkpoints.load({"a": network()})["step"] == 2


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
@pytest.mark.parametrize("name", ["a.safetensors", "state.pt"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str, damage: bytes | None) -> None:
    Checkpoints(tmp_path).save(1, {"a": network()}, {"step": 1})
    file = tmp_path / "step-00000001" / name
    file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(TrainingError, match=name.replace(".", r"\.")):
        Checkpoints(tmp_path).load({"a": network()})


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is nothing to resume: no checkpoint in"):
        Checkpoints(tmp_path).load({})
