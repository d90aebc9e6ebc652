"""MSG-GAN: every scale is made, seen and learnt from."""

import pytest
import torch

from training.errors import TrainingError
from training.generators.msg_gan import MsgCritic, MsgGenerator, averaged_scales
from training.generators.registry import build_model
from training.recipe import load_recipe


def test_images_are_made_at_every_scale_and_the_finest_is_the_result() -> None:
    generator, latents = MsgGenerator(32, width=32), torch.randn(2, 128)
    scales = generator.scales(latents)
    assert [scale.shape[-1] for scale in scales] == [4, 8, 16, 32]
    assert torch.equal(scales[-1], generator(latents))


def test_the_critic_sends_gradients_to_every_scale() -> None:
    torch.manual_seed(0)
    scales = tuple(scale.requires_grad_() for scale in averaged_scales(torch.rand(2, 3, 32, 32) * 2 - 1))
    gradients = torch.autograd.grad(MsgCritic(32, width=32)(scales).sum(), scales)
    assert all(gradient.abs().amax((1, 2, 3)).min() > 0 for gradient in gradients)


def test_coarser_scales_of_real_images_are_their_averages() -> None:
    images = torch.rand(2, 3, 16, 16)
    scales = averaged_scales(images)
    assert [scale.shape[-1] for scale in scales] == [4, 8, 16]
    torch.testing.assert_close(scales[0][0, 0, 0, 0], images[0, 0, :4, :4].mean())
    critic = MsgCritic(16, width=32)
    torch.testing.assert_close(critic(images), critic(scales))


def test_the_critic_notices_a_batch_without_variety() -> None:
    torch.manual_seed(0)
    critic, images = MsgCritic(16, width=32), torch.rand(4, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        varied, alike = critic(images)[0], critic(images[:1].repeat(4, 1, 1, 1))[0]
    assert (varied - alike).abs() > 1e-4


def test_the_gradient_penalty_reaches_all_scales() -> None:
    recipe = load_recipe("msg-gan-hardhat", smoke=True)
    assert recipe.adversarial is not None
    assert recipe.adversarial.gradient_penalty == 10
    assert build_model(recipe).critics["critic"] is not None


def test_a_size_between_the_scales_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"model\.size = 48"):
        MsgGenerator(48)
