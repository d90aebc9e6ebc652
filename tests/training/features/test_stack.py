"""Features are a plain stack of convolutions, whether they were trained here, drawn at random or published."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models.vgg import cfgs, make_layers

from training.errors import TrainingError
from training.features.network import FeatureNetwork
from training.features.stack import IMAGENET_DEVIATION, IMAGENET_MEAN, FeatureStack, load_vgg19, orthogonal_stack

PLAN = ((4, 4), (6,), (8, 8))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_layers_are_named_by_stage_and_halved_where_a_stage_begins(images: torch.Tensor) -> None:
    stack = orthogonal_stack(PLAN, 1)
    assert stack.names == ("relu1_1", "relu1_2", "relu2_1", "relu3_1", "relu3_2")
    assert stack.multiple == 4
    shapes = [tuple(maps.shape[1:]) for maps in stack(images)]
    assert shapes == [(4, 24, 16), (4, 24, 16), (6, 12, 8), (8, 6, 4), (8, 6, 4)]
    with pytest.raises(TrainingError, match="there is no layer 'relu9_1'; there are relu1_1, relu1_2, relu2_1"):
        stack.place("relu9_1")


def test_normalised_layers_respond_alike_and_stay_in_proportion(images: torch.Tensor) -> None:
    stack = orthogonal_stack(PLAN, 1)
    before = stack(images)
    stack.normalise(images)
    for old, new in zip(before, stack(images), strict=True):
        assert new.square().mean().item() == pytest.approx(1, rel=1e-4)
        factor = (new * old).sum() / old.square().sum()
        assert torch.allclose(new, factor * old, atol=1e-4)  # float32, through five layers


def test_a_shorter_stack_has_the_same_layers_but_for_its_edges(images: torch.Tensor) -> None:
    stack = orthogonal_stack(PLAN, 1)
    short = stack.until("relu2_1", reflected=True)
    assert short.names == stack.names[:3]
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))
    assert torch.allclose(short(images)[2][inner], stack(images)[2][inner], atol=1e-6)
    assert not torch.allclose(short(images)[2], stack(images)[2], atol=1e-3)


def test_a_trained_networks_stack_gives_what_its_classifier_sees() -> None:
    torch.manual_seed(1)
    network = FeatureNetwork(5, 16, width=4, stages=2, blocks=2)
    for _ in range(3):
        network(torch.rand(8, 3, 16, 16) * 2 - 1)  # statistics of batches are to differ from 0 and 1
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    features = network.eval().features(images)
    assert torch.allclose(network.stack()(images)[-1].mean((2, 3)), features, atol=1e-5)  # another order of products


def test_frozen_features_leave_only_the_classifier_to_learn() -> None:
    network = FeatureNetwork(5, 16, width=4, stages=2, frozen=1)
    learning = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert learning == ["classifier.weight", "classifier.bias"]


def test_vgg_19_is_read_as_torchvision_publishes_it(tmp_path: Path, images: torch.Tensor) -> None:
    torch.manual_seed(1)
    layers = make_layers(cfgs["E"])
    file = tmp_path / "vgg19.safetensors"
    save_file({f"features.{name}": tensor for name, tensor in layers.state_dict().items()}, file)
    stack = load_vgg19(file)
    assert stack.names[-1] == "relu5_4"
    shown = (images + 1) / 2
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    with torch.no_grad():
        wanted = layers[:4]((shown - mean) / deviation)  # before the first pooling, which takes means here
    assert torch.allclose(stack(images)[1], wanted, atol=1e-5)
    last = layers[34].weight
    assert torch.equal(stack.convolutions[-1].get_parameter("weight"), last)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, file)
    with pytest.raises(TrainingError, match=r"is no VGG-19: it has no 'features\.0\.bias' of \[64\]"):
        load_vgg19(file)


def test_a_stack_of_one_stage_takes_any_size() -> None:
    assert FeatureStack(((3,),))(torch.zeros(1, 3, 5, 7))[0].shape == (1, 3, 5, 7)
