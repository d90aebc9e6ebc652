"""A classifier learns from made images what they show, right or wrong; Inception sees images as it did in papers."""

import pytest
import torch

from tests.training.metrics.colours import ColourGenerator, real_images
from training.data.classified import ClassifiedImages
from training.metrics.images import draw_images
from training.metrics.inception import scale_as_tensorflow
from training.metrics.synthetic import synthetic_accuracy
from training.parts import build_accelerator
from training.recipe import load_recipe

SMALL = {"data.channels": "3", "model.size": "16", "loop.epochs": "4", "loop.batch": "16"}


def test_good_made_images_teach_real_classes_and_exchanged_ones_teach_wrong_ones() -> None:
    recipe = load_recipe("judge-digits", smoke=True, changes=SMALL)
    accelerator = build_accelerator(recipe.loop)
    real = real_images(60)
    made = draw_images(ColourGenerator(), real.classes, 90, seed=0)
    exchanged = ClassifiedImages(made.pixels, (made.labels + 1) % 3, made.classes, made.names)
    assert synthetic_accuracy(made, real, recipe, accelerator) > 0.8  # 24 steps; chance is 0.33
    assert synthetic_accuracy(exchanged, real, recipe, accelerator) < 0.2


def test_scaling_places_pixels_by_their_corner_as_tensorflow_1_does() -> None:
    row = torch.tensor([0.0, 10, 20]).view(1, 1, 1, 3)
    scaled = scale_as_tensorflow(row.expand(1, 1, 3, 3), 6)
    assert scaled[0, 0, 2].tolist() == pytest.approx([0, 5, 10, 15, 20, 20], abs=1e-5)  # rounding of float32
