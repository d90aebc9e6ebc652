"""The tutorial's networks are as large as Keras says that they are."""

import pytest
import torch
from torch import nn

from training.errors import TrainingError
from training.generators.tutorial import TutorialCritic, TutorialGenerator


def weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_networks_have_as_many_weights_as_the_tutorial_shows() -> None:
    # dense 1,254,400; transposed convolutions 819,200, 204,800 and 1,600; scales and shifts 25,088, 256 and 128
    assert weights(TutorialGenerator()) == 2_305_472
    # convolutions 1,664 and 204,928; dense 6,273
    assert weights(TutorialCritic()) == 212_865


def test_an_untrained_generator_makes_grey_noise() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        images = TutorialGenerator()(torch.randn(16, 100))
    assert images.mean().abs() < 0.05  # of 12,544 pixels around 0


def test_a_size_that_is_no_multiple_of_four_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"model\.size = 30"):
        TutorialGenerator(30)
