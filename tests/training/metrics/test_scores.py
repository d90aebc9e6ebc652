"""The scores that training takes know a good generator from one that has collapsed or confuses its classes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.metrics.colours import CLASSES, ColourGenerator, ColourJudge, real_images
from training.data.classified import ClassifiedImages
from training.errors import TrainingError
from training.generators.drawing import draw_latent
from training.metrics.images import draw_images, to_pixels, to_tensor
from training.metrics.judged import class_accuracy, class_deviations, opinion
from training.metrics.scores import Scores, generator_scores, score_images
from training.recipe import Judge

SETTINGS = Judge(recipe="judge-colours", images=300)


class Confused(ColourGenerator):
    """Shows the next class."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return super().forward(latents, (labels + 1) % len(CLASSES))


def scores(generator: ColourGenerator) -> Scores:
    return generator_scores(generator, real_images(300), ColourJudge(), SETTINGS, seed=7)


def number(value: float | None) -> float:
    assert value is not None
    return value


def test_a_generator_of_the_real_distribution_is_nearly_perfect() -> None:
    found = scores(ColourGenerator())
    assert number(found["frechet"]) < 0.01  # of 300 samples of a variance of 0.04 in 3 features
    assert number(found["judged"]) > 0.97
    assert found["classes"] == 3
    assert found["deviation"] == pytest.approx(
        1, abs=0.1
    )  # a deviation over 100 images of a class is 7 % off by chance


def test_a_collapsed_generator_has_no_deviation_and_a_worse_score() -> None:
    found = scores(ColourGenerator(spread=0))
    assert found["judged"] == 1
    assert found["deviation"] == 0
    assert number(found["score"]) < number(scores(ColourGenerator())["score"])


def test_exchanged_classes_are_seen_by_the_judge_and_by_the_score_though_not_by_the_distance() -> None:
    found = scores(Confused())
    assert number(found["frechet"]) < 0.01
    assert number(found["judged"]) < 0.03
    assert number(found["score"]) < 10 * number(scores(ColourGenerator())["score"])


def test_a_generator_without_classes_is_judged_by_what_is_recognised() -> None:
    found = scores(ColourGenerator(classes=0))
    assert number(found["judged"]) > 0.9
    assert found["classes"] == 3
    assert found["score"] == -number(found["frechet"])


def test_a_class_needs_a_tenth_of_its_share_to_be_found() -> None:
    rare = real_images(300)
    labels = np.where(np.arange(300) < 4, 2, np.arange(300) % 2)
    found = score_images(rare.take(labels), real_images(300), ColourJudge())  # images 0, 1 and 2 are red, green, blue
    assert found["classes"] == 2


def test_too_few_images_have_no_distance_and_no_score() -> None:
    found = generator_scores(ColourGenerator(), real_images(3), ColourJudge(), SETTINGS, seed=0)
    assert found["frechet"] is None
    assert found["score"] is None
    assert found["classes"] == 3


def test_a_judge_of_other_classes_is_refused() -> None:
    images = real_images(6)
    named = ClassifiedImages(images.pixels, images.labels, ("red", "green", "plum"), images.names)
    with pytest.raises(TrainingError, match="the judge knows red, green, blue, not plum"):
        class_accuracy(opinion(ColourJudge(), named), named)


def test_scenes_are_recognised_by_a_judge_that_sorts_them_otherwise() -> None:
    images = real_images(300)
    scenes = ClassifiedImages(images.pixels, np.zeros(300, np.int64), ("site",), images.names)
    found = generator_scores(ColourGenerator(classes=0), scenes, ColourJudge(), SETTINGS, seed=0)
    assert number(found["judged"]) > 0.9
    assert found["classes"] == 3


def test_deviations_are_of_each_pixel_over_the_images_of_a_class() -> None:
    pixels = np.zeros((3, 2, 2, 1), np.uint8)
    pixels[1, 0, 0] = 200
    images = ClassifiedImages(pixels, np.array([0, 0, 1]), ("zero", "one"), ["a", "b", "c"])
    assert class_deviations(images) == {"zero": pytest.approx(np.std([0, 200], ddof=1) / 4)}  # "one" has one image


def test_an_image_is_a_function_of_seed_and_number_however_many_are_drawn() -> None:
    generator = ColourGenerator()
    many, few = draw_images(generator, CLASSES, 70, seed=5), draw_images(generator, CLASSES, 3, seed=5)
    assert np.array_equal(many.pixels[:3], few.pixels)
    assert few.names[2] == "seed 5, image 2"
    latent = torch.from_numpy(draw_latent(generator.latent, 5, 2))[None]
    assert np.array_equal(few.pixels[2:], to_pixels(generator(latent, torch.tensor([2]))))
    assert draw_images(generator, CLASSES, 3, seed=5, label=1).labels.tolist() == [1, 1, 1]


def test_pixels_come_back_from_the_form_that_networks_take() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    tensor = to_tensor(pixels)
    assert (float(tensor.min()), float(tensor.max()), tensor.shape) == (-1, 1, (1, 1, 16, 16))
    assert np.array_equal(to_pixels(tensor), pixels)


def test_drawing_leaves_a_network_in_its_mode() -> None:
    generator = ColourGenerator().train()
    draw_images(generator, CLASSES, 3, seed=0)
    assert generator.training
