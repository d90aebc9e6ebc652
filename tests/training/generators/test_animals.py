"""The animals: a generator of seven layers, and the two critics."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from training.checkpoint import save_weights
from training.errors import TrainingError
from training.generators.animals import AnimalGenerator, LeakyCritic, ResNetCritic
from training.generators.registry import build_model
from training.recipe import load_recipe


def test_seven_transposed_convolutions_lead_from_125_uniform_values_to_256_pixels() -> None:
    generator = AnimalGenerator(width=32)
    layers = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert len(layers) == 7
    assert (generator.latent.size, generator.latent.distribution) == (125, "uniform")
    with torch.inference_mode():
        assert generator(generator.latent.draw(1, torch.device("cpu"))).shape == (1, 3, 256, 256)


def test_the_width_makes_it_narrow() -> None:
    def weights(width: int) -> int:
        return sum(weight.numel() for weight in AnimalGenerator(64, width=width).parameters())

    assert weights(128) < weights(256) / 2 < weights(512) / 4


def test_the_resnet_critic_is_torchvisions_with_one_output() -> None:
    critic, original = ResNetCritic(), resnet18()
    missing = sum(weight.numel() for weight in original.fc.parameters()) - (512 + 1)
    assert sum(weight.numel() for weight in critic.parameters()) == 11_689_512 - missing


def test_the_critic_starts_from_a_trained_network_but_for_its_last_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = resnet18(num_classes=2)
    save_weights(trained, tmp_path / "trained.safetensors")
    changes = {"model.options.critic_weights": f'"{tmp_path / "trained.safetensors"}"'}
    model = build_model(load_recipe("dcgan-animals-256", smoke=True, changes=changes))
    critic = model.critic
    assert isinstance(critic, ResNetCritic)
    assert torch.equal(critic.network.layer4[1].conv2.weight, trained.layer4[1].conv2.weight)
    assert critic.network.fc.weight.shape == (1, 512)


def test_frozen_stages_keep_weights_and_averages_while_the_rest_learns() -> None:
    torch.manual_seed(0)
    critic = ResNetCritic(frozen=2).train()
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    optimiser = torch.optim.SGD([weight for weight in critic.parameters() if weight.requires_grad], 0.1)
    critic(torch.rand(4, 3, 32, 32) * 2 - 1).square().sum().backward()
    optimiser.step()
    changed = {name for name, value in critic.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith(("network.conv1", "network.bn1", "network.layer1")) for name in changed)
    assert {"network.layer2.0.conv1.weight", "network.layer2.0.bn1.running_mean", "network.fc.weight"} <= changed


def test_the_leaky_critic_has_no_batch_norm_and_every_layer_is_spectrally_normalised() -> None:
    critic = LeakyCritic(64, width=32)
    layers = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in critic.modules())
    assert all(nn.utils.parametrize.is_parametrized(layer, "weight") for layer in layers)
    assert critic(torch.zeros(3, 3, 64, 64)).shape == (3,)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("model.options.critic", "vgg", "critic = 'vgg': there are 'resnet18' and 'leaky'"),
        ("model.options.frozen", "6", "frozen = 6"),
        ("model.size", "100", r"model\.size = 100"),
        ("model.options.critic_weights", "none.safetensors", "no file of weights none.safetensors"),
    ],
)
def test_what_cannot_be_built_is_named(field: str, value: str, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        build_model(load_recipe("dcgan-animals-256", smoke=True, changes={field: value}))
