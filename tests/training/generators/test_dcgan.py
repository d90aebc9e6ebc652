"""DCGAN in both readings of the report, and what each option changes."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from training.adversarial.blocks import doubling, initialise_weights
from training.checkpoint import save_weights
from training.errors import TrainingError
from training.generators.dcgan import DcganCritic, DcganGenerator, DcganOptions, plan
from training.generators.registry import build_model
from training.recipe import load_recipe

DOUBLINGS = (nn.ConvTranspose2d, nn.Conv2d)


def strides(network: nn.Module) -> list[int]:
    return [layer.stride[0] for layer in network.modules() if isinstance(layer, DOUBLINGS)]


@pytest.mark.parametrize(
    ("recipe", "generator", "critic", "dense"),
    [
        ("dcgan-fruits", [1, 2, 2, 2, 2], [2, 2, 2, 2, 1], 0),
        ("dcgan-fruits-literal", [2] * 5, [2] * 5, 1),
        ("dcgan-hardhat", [1, 2, 2, 2, 2], [2, 2, 2, 2, 1], 0),
        ("dcgan-hardhat-tricks", [1, 1, 2, 2, 2, 2], [2, 2, 2, 2, 1, 1], 0),
    ],
)
def test_the_report_is_read_in_both_ways(recipe: str, generator: list[int], critic: list[int], dense: int) -> None:
    model = build_model(load_recipe(recipe))
    assert strides(model.generator) == generator
    assert strides(model.critic) == critic
    for network in (model.generator, model.critic):
        assert sum(isinstance(layer, nn.Linear) for layer in network.modules()) == dense
    literal = recipe.endswith("literal")
    assert any(isinstance(layer, nn.LeakyReLU) for layer in model.generator.modules()) == literal
    assert any(isinstance(layer, nn.LeakyReLU) for layer in model.critic.modules()) != literal
    assert {layer.p for layer in model.critic.modules() if isinstance(layer, nn.Dropout)} == {0.3}
    assert not any(isinstance(layer, nn.Dropout) for layer in model.generator.modules())
    images = model.generator.eval()(torch.randn(2, 100))
    assert images.shape == (2, 3, 64, 64)
    assert images.abs().max() <= 1
    assert model.critic(images).shape == (2,)


@pytest.mark.parametrize("size", [8, 16, 32])
@pytest.mark.parametrize("stem", ["convolution", "dense"])
@pytest.mark.parametrize("kernel", [4, 5])
def test_any_power_of_two_is_reached(size: int, stem: str, kernel: int) -> None:
    layers = {"convolution": size.bit_length() - 2, "dense": 2}[stem]
    options = DcganOptions.model_validate({"layers": layers, "stem": stem, "kernel": kernel, "filters": 4})
    for resized in (False, True):
        chosen = options.model_copy(update={"resized": resized})
        images = DcganGenerator(size, 1, 0, chosen)(torch.randn(2, 100))
        assert images.shape == (2, 1, size, size)
        assert DcganCritic(size, 1, 0, chosen)(images).shape == (2,)


def test_normal_first_weights_have_the_papers_deviation_and_glorots_keras() -> None:
    layer = nn.ConvTranspose2d(64, 64, 5)
    norm = nn.BatchNorm2d(64)
    torch.manual_seed(1)
    initialise_weights(nn.ModuleList([layer, norm]), "gaussian")
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)  # 102,400 draws
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert layer.bias is not None
    assert (layer.bias == 0).all()
    initialise_weights(layer, "glorot")
    assert layer.weight.abs().max().item() == pytest.approx((6 / (2 * 64 * 25)) ** 0.5, rel=0.01)


def test_a_spectrally_normalised_critic_answers_no_faster_than_its_images_change() -> None:
    torch.manual_seed(2)
    options = DcganOptions(filters=8, critic_norm="spectral", dropout=0.0)
    critic = DcganCritic(64, 3, 0, options)
    assert all(parametrize.is_parametrized(layer) for layer in critic.modules() if isinstance(layer, nn.Conv2d))
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        for _ in range(20):
            critic(images)  # each pass comes nearer to the largest singular value
    layer = next(layer for layer in critic.modules() if isinstance(layer, nn.Conv2d))
    assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_a_residual_critic_takes_gradients_to_its_images() -> None:
    critic = DcganCritic(32, 3, 0, DcganOptions(filters=8, layers=4, residual=True, critic_norm="none"))
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    critic(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    with pytest.raises(TrainingError, match="a residual critic has no batch normalisation"):
        DcganCritic(32, 3, 0, DcganOptions(layers=4, residual=True))


def test_a_class_changes_what_is_made_and_what_counts_as_real() -> None:
    torch.manual_seed(4)
    model = build_model(load_recipe("dcgan-fruits-modern", smoke=True))
    assert model.classes == 11
    latents, labels = torch.randn(1, 100).expand(3, -1), torch.tensor([0, 0, 5])
    optimiser = torch.optim.Adam([*model.generator.parameters(), *model.critic.parameters()], 0.01)
    model.generator.eval()(latents, labels)[2].sum().backward()  # classes start alike and learn to differ
    optimiser.step()
    with torch.no_grad():
        images = model.generator(latents, labels)
        assert torch.equal(images[0], images[1])
        assert not torch.allclose(images[0], images[2], atol=1e-3)
        answers = model.critic.eval()(images[:1].expand(2, -1, -1, -1), torch.tensor([0, 5]))
    assert answers[0] != answers[1]
    with pytest.raises(TrainingError, match="a generator of 11 classes was asked for images without labels"):
        model.generator(latents)
    with pytest.raises(TrainingError, match="a conditional critic was asked about images without their labels"):
        model.critic(images)
    with pytest.raises(TrainingError, match="conditional: needs two data.classes or more, there is 1"):
        build_model(load_recipe("dcgan-hardhat", changes={"model.options.conditional": "true"}))


def test_growing_by_nearest_pixels_leaves_no_checkerboard() -> None:
    torch.manual_seed(3)
    for resized, even in ((True, True), (False, False)):
        layer = doubling(8, 1, 5, resized=resized)
        with torch.no_grad():
            for weight in layer.parameters():
                weight.fill_(0.01)
            inside = layer(torch.ones(1, 8, 16, 16))[..., 8:-8, 8:-8]
        assert (inside.std() < 1e-6) == even


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model.options.filter": "3"}, r"model.options.filter = 3: Extra inputs"),
        ({"model.options.critic_norm": "layer"}, r"model.options.critic_norm = 'layer': Input should be 'batch'"),
        ({"model.options.dropout": "1"}, r"model.options.dropout = 1: "),
        ({"model.size": "48"}, "model.size = 48: DCGAN's layers double the side"),
        ({"model.options.layers": "4"}, "model.options.layers = 4: 64 pixels need 5 or more"),
        ({"model.options.stem": "dense", "model.options.layers": "7"}, "layers = 7: 64 pixels are halved 6 times"),
        ({"model.name": "stylegan"}, "model.name: there is no generator 'stylegan'; there are dcgan, tutorial, acgan"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence) as raised:
        build_model(load_recipe("dcgan-fruits", changes=changes))
    assert "\n" not in str(raised.value)


def test_a_recipe_without_players_is_named() -> None:
    recipe = load_recipe("dcgan-fruits").model_copy(update={"adversarial": None})
    with pytest.raises(TrainingError, match="recipe dcgan-fruits: the table 'adversarial' is missing"):
        build_model(recipe)


def test_a_generator_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    torch.manual_seed(4)
    recipe = load_recipe("dcgan-fruits", smoke=True)
    first = build_model(recipe).generator
    save_weights(first, tmp_path / "first.safetensors")
    weights = recipe.model.model_copy(update={"weights": str(tmp_path / "first.safetensors")})
    second = build_model(recipe.model_copy(update={"model": weights})).generator
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_the_smallest_maps_follow_from_layers_and_stem() -> None:
    assert plan(64, DcganOptions(layers=5)) == (4, 0)
    assert plan(64, DcganOptions(layers=6)) == (4, 1)
    assert plan(64, DcganOptions(layers=5, stem="dense")) == (2, 0)
    assert plan(64, DcganOptions(layers=6, stem="dense")) == (1, 0)
