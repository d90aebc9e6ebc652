"""AC-GAN: how the label comes in, what the critic says, and which options it has."""

import pytest
import torch

from training.errors import TrainingError
from training.generators.acgan import AcganCritic, AcganGenerator, Conditioning, CriticShape
from training.generators.registry import build_model
from training.recipe import load_recipe


@pytest.mark.parametrize("conditioning", ["product", "batch-norm"])
def test_the_same_latent_vector_shows_another_class_with_another_label(conditioning: Conditioning) -> None:
    torch.manual_seed(0)
    generator = AcganGenerator(10, 28, 1, conditioning, width=16).train()
    latents = torch.randn(1, 100).repeat(10, 1)
    with torch.no_grad():
        for table in (module for module in generator.modules() if isinstance(module, torch.nn.Embedding)):
            table.weight += 0.5 * torch.randn_like(table.weight)  # as training does: classes begin alike in batch norm
        for _ in range(40):  # until the averages of batch normalisation are those of its features
            generator(torch.randn(32, 100), torch.arange(32) % 10)
        images = generator.eval()(latents, torch.arange(10)).flatten(1)
    assert torch.cdist(images, images).add(torch.eye(10)).min() > 1e-3


def test_a_generator_has_at_most_1_2_million_weights() -> None:
    for name in ("acgan-digits", "acgan-digits-modern"):
        generator = build_model(load_recipe(name)).generator
        assert sum(weight.numel() for weight in generator.parameters()) <= 1_200_000


def test_a_critic_with_projection_judges_an_image_by_its_class() -> None:
    torch.manual_seed(0)
    images = torch.rand(1, 1, 28, 28).repeat(10, 1, 1, 1) * 2 - 1
    plain = AcganCritic(10, 28, 1, CriticShape(width=8)).eval()
    projected = AcganCritic(10, 28, 1, CriticShape(width=8, spectral=True, projection=True)).eval()
    with torch.no_grad():
        # equal rows of one batch may be summed by different kernels
        assert plain(images, torch.arange(10)).realness.std() < 1e-6
        realness, classes = projected(images, torch.arange(10))
    assert realness.std() > 1e-6
    assert classes.shape == (10, 10)


def test_missing_labels_and_options_that_do_not_exist_are_named() -> None:
    recipe = load_recipe("acgan-digits-modern")
    model = build_model(recipe)
    with pytest.raises(TrainingError, match="10 classes was asked for images without labels"):
        model.generator(torch.zeros(1, 100))
    with pytest.raises(TrainingError, match="without their labels"):
        model.critic(torch.zeros(1, 1, 28, 28))
    for field, value, sentence in [
        ("model.options.conditioning", "sum", "conditioning = 'sum': there are product, batch-norm"),
        ("model.options.critic.depth", "3", r"model\.options\.critic: .*'depth'"),
        ("model.size", "30", "model.size = 30: .* multiple of 4"),
        ("data.classes", '["7"]', "data.classes: AC-GAN needs two classes or more"),
    ]:
        with pytest.raises(TrainingError, match=sentence):
            build_model(load_recipe("acgan-digits-modern", changes={field: value}))
