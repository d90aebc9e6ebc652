"""What the networks of AC-GAN, MSG-GAN, the animals and the tutorial share: shapes, modes, one turn of both players."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from training.adversarial.gan import Batch, GanModel
from training.adversarial.model import Turn
from training.generators.registry import build_model
from training.recipe import Recipe, load_recipe

NAMES = (
    "acgan-digits",
    "acgan-digits-modern",
    "dcgan-tf-tutorial",
    "msg-gan-hardhat",
    "dcgan-animals-256",
    "dcgan-animals-256-leaky",
    "dcgan-animals-narrow",
)


def smallest(name: str) -> Recipe:
    return load_recipe(name, smoke=True)


def players(name: str) -> GanModel:
    torch.manual_seed(0)
    return build_model(smallest(name))


def batch(recipe: Recipe, count: int = 4) -> Batch:
    random = torch.Generator().manual_seed(0)
    size = recipe.model.size
    images = torch.rand(count, recipe.data.channels, size, size, generator=random) * 2 - 1
    return Batch(images, torch.arange(count) % len(recipe.data.classes), tuple(map(str, range(count))))


def drawn(model: GanModel, count: int) -> tuple[Tensor, ...]:
    """Latent vectors, and labels where the generator has classes."""
    latents = model.latent.draw(count, torch.device("cpu"))
    return (latents, torch.arange(count) % model.classes) if model.classes else (latents,)


def used(model: GanModel) -> nn.Module:
    """The generator after some training: statistics of batch normalisation are no longer 0 and 1."""
    with torch.no_grad():
        for _ in range(3):
            model.generator(*drawn(model, 16))
    return model.generator.eval()


def descend(turn: Turn, networks: Mapping[str, nn.Module]) -> list[float]:
    """One step of a player; the losses, and how much each of its networks changed."""
    (network,) = networks.values()
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    before = [weight.detach().clone() for weight in trained]
    optimiser = torch.optim.Adam(trained, 1e-3)
    torch.autograd.backward(list(turn.losses.values()))
    optimiser.step()
    moved = [float((old - new.detach()).abs().max()) for old, new in zip(before, trained, strict=True)]
    return [*(loss.item() for loss in turn.losses.values()), max(moved)]


@pytest.mark.parametrize("name", NAMES)
def test_images_have_the_size_of_the_recipe_and_lie_between_minus_one_and_one(name: str) -> None:
    model, recipe = players(name), smallest(name)
    images = used(model)(*drawn(model, 3))
    assert images.shape == (3, recipe.data.channels, recipe.model.size, recipe.model.size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_an_image_does_not_depend_on_what_it_shares_a_batch_with(name: str) -> None:
    model = players(name)
    generator, inputs = used(model), drawn(model, 5)
    with torch.inference_mode():
        together, again = generator(*inputs), generator(*inputs)
        alone = torch.cat([generator(*(value[row : row + 1] for value in inputs)) for row in range(5)])
    assert torch.equal(together, again)
    # other kernels for other batches: sums of the same floats in another order
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_turn_of_each_player_is_finite_and_changes_its_network(name: str) -> None:
    model, recipe = players(name), smallest(name)
    real = batch(recipe)
    critic = descend(model.critic_turn(real, 0.0, 0), model.critics)
    generator = descend(model.generator_turn(real, 0.0, 0), model.generators)
    for *losses, moved in (critic, generator):
        assert np.isfinite(losses).all()
        assert moved > 0


# the others are nothing but layers in a row
@pytest.mark.parametrize("name", ["acgan-digits-modern", "msg-gan-hardhat"])
def test_the_exported_graph_gives_what_torch_gives(name: str, tmp_path: Path) -> None:
    model, file = players(name), tmp_path / "model.onnx"
    generator, inputs = used(model), drawn(model, 2)
    names = ["LATENT", "LABEL"][: len(inputs)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            generator,
            inputs,
            str(file),
            dynamo=True,
            verbose=False,
            input_names=names,
            dynamic_shapes=({0: torch.export.Dim("batch")},) * len(inputs),
        )
    fresh = drawn(model, 3)
    seen = onnxruntime.InferenceSession(file).run(
        None, {key: value.numpy() for key, value in zip(names, fresh, strict=True)}
    )
    with torch.inference_mode():
        # sums of the same floats in another order
        np.testing.assert_allclose(seen[0], generator(*fresh).numpy(), rtol=0, atol=1e-4)
