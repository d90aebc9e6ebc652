"""Scores of translators whose worth is known by construction."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.data.classified import ClassifiedImages
from training.data.translated import PairedImages, UnpairedSplits
from training.errors import TrainingError
from training.metrics.translation.change import change_by_mask
from training.metrics.translation.images import mean_difference, sharpness, signal_to_noise, translate_pixels
from training.metrics.translation.scores import domain_scores, pair_scores
from training.render.maps import PALETTE, nearest_class, render_map_pair

SIDE = 16


class RedIsCow:
    """Finds a cow where the middle is more red than green."""

    classes = ("cow", "horse")

    def probabilities(self, images: Tensor) -> Tensor:
        return torch.softmax(50 * self.features(images), dim=1)

    def features(self, images: Tensor) -> Tensor:
        return images[:, :2, 6:10, 6:10].mean((2, 3))


class Recolour(nn.Module):
    """Exchanges red and green, everywhere or only in the middle, where the animals are."""

    def __init__(self, *, everywhere: bool = False, share: float = 1.0) -> None:
        super().__init__()
        where = torch.ones(SIDE, SIDE) if everywhere else functional.pad(torch.ones(8, 8), (4, 4, 4, 4))
        self.where: Tensor
        self.register_buffer("where", share * where)

    def forward(self, images: Tensor) -> Tensor:
        return images + self.where * (images[:, (1, 0, 2)] - images)


def domains(count: int = 6) -> UnpairedSplits:
    """Reddish and greenish squares on a ground of any colour, and where they are."""
    random = np.random.default_rng(1)
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[4:12, 4:12] = True

    def images(number: int) -> ClassifiedImages:
        pixels = random.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
        pixels[:, mask] = (200, 60, 90) if number == 0 else (60, 200, 90)
        names = [f"{number}/{i}" for i in range(count)]
        return ClassifiedImages(pixels, np.full(count, number, np.int64), ("cow", "horse"), names)

    masks = np.repeat(mask[None], count, axis=0)
    return UnpairedSplits((images(0), images(1)), (images(0), images(1)), (masks, masks))


def both(network: nn.Module) -> dict[str, nn.Module]:
    return {"cow_to_horse": network, "horse_to_cow": network}


def number(value: float | None) -> float:
    assert value is not None
    return value


@pytest.fixture(scope="module")
def towns() -> PairedImages:
    pairs = [render_map_pair(seed, 64, 64) for seed in range(3)]
    inputs, targets = (np.stack([pair[side] for pair in pairs]) for side in range(2))
    return PairedImages(inputs, targets, ["0", "1", "2"])


def blurred(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    spread = functional.avg_pool2d(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).float(), 5, 1, 2, count_include_pad=False
    )
    return spread.round().byte().permute(0, 2, 3, 1).numpy()


def test_a_translator_that_gives_the_target_is_perfect(towns: PairedImages) -> None:
    maps = PairedImages(towns.targets, towns.targets, towns.names)
    found = pair_scores(nn.Identity(), maps, PALETTE)
    assert found == {"l1": 0, "psnr": pytest.approx(100), "accuracy": 1, "sharpness": 1, "score": 1}


def test_an_aerial_picture_is_no_map(towns: PairedImages) -> None:
    found = pair_scores(nn.Identity(), towns, PALETTE)
    assert number(found["l1"]) > 0.2
    assert number(found["psnr"]) < 12
    assert number(found["accuracy"]) < 0.5


def test_a_blurred_map_has_a_small_error_and_is_called_blurred(towns: PairedImages) -> None:
    soft = PairedImages(blurred(towns.targets), towns.targets, towns.names)
    found = pair_scores(nn.Identity(), soft, None)
    assert number(found["l1"]) < 0.05
    assert number(found["sharpness"]) < 0.5
    assert number(found["score"]) < -number(found["l1"]) - 0.01, "less than half as sharp costs 0.01 at least"
    assert found["accuracy"] is None


def test_errors_are_shares_of_the_range_and_decibels() -> None:
    black, grey = np.zeros((2, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 51, np.uint8)
    assert mean_difference(black, grey) == pytest.approx(0.2)
    assert signal_to_noise(black, grey) == pytest.approx(-20 * np.log10(0.2), abs=1e-4)  # float32 squares


def test_noise_is_sharper_than_it_should_be() -> None:
    random = np.random.default_rng(0)
    real = random.integers(100, 140, (2, 32, 32, 3), dtype=np.uint8)
    assert sharpness(random.integers(60, 180, (2, 32, 32, 3), dtype=np.uint8), real) == pytest.approx(3, rel=0.15)


def test_the_nearest_colour_of_a_palette_is_found_for_every_pixel() -> None:
    assert nearest_class(PALETTE).tolist() == list(range(6))
    off = np.clip(PALETTE.astype(int) + np.array((14, -14, 14)), 0, 255).astype(np.uint8)
    assert nearest_class(off).tolist() == list(range(6)), "no two colours are nearer than 50"


def test_an_animal_that_is_recoloured_alone_is_judged_right_comes_back_and_leaves_the_ground() -> None:
    found = domain_scores(both(Recolour()), domains(), RedIsCow())
    assert found["judged/cow_to_horse"] == found["judged/horse_to_cow"] == found["judged"] == found["real"] == 1
    assert found["cycle"] == 0
    assert number(found["inside"]) == pytest.approx(2 / 3 * 140 / 255)
    assert found["outside"] == found["background"] == 0
    assert found["score"] == 1


def test_a_translator_that_does_nothing_is_judged_wrong() -> None:
    found = domain_scores(both(nn.Identity()), domains(), RedIsCow())
    assert found["judged"] == found["change"] == found["background"] == 0
    assert found["score"] == 0


def test_who_repaints_the_ground_too_loses_by_it() -> None:
    found = domain_scores(both(Recolour(everywhere=True)), domains(), RedIsCow())
    assert found["judged"] == 1
    assert number(found["background"]) == pytest.approx(170 * 2 / 3 / 140 * 3 / 4, rel=0.1)  # 85 apart on average
    assert number(found["score"]) < 0.95


def test_what_does_not_come_back_is_the_cycle_error() -> None:
    lossy = {"cow_to_horse": Recolour(), "horse_to_cow": nn.Identity()}
    found = domain_scores(lossy, domains(), RedIsCow())
    assert found["judged/cow_to_horse"] == 1
    assert found["judged/horse_to_cow"] == found["judged"] == 0
    assert number(found["cycle"]) == pytest.approx(2 / 3 * 140 / 255 / 4)


def test_one_direction_has_no_cycle_and_pictures_without_a_judge_no_score() -> None:
    plain = domains()
    plain = UnpairedSplits(plain.train, plain.validation)
    found = domain_scores({"cow_to_horse": Recolour()}, plain.fewer(2), None)
    assert found["cycle"] is found["judged"] is found["background"] is found["score"] is None
    assert number(found["change"]) > 0


@pytest.mark.parametrize("names", [("cow_to_goat",), ()])
def test_a_direction_between_other_domains_is_named(names: tuple[str, ...]) -> None:
    with pytest.raises(TrainingError, match=r"directions (cow_to_goat|none): there are cow_to_horse and horse_to_cow"):
        domain_scores(dict.fromkeys(names, nn.Identity()), domains(), None)


def test_the_rim_of_a_silhouette_counts_for_neither_side() -> None:
    before = np.zeros((1, 64, 64, 3), np.uint8)
    mask = np.zeros((1, 64, 64), np.bool_)
    mask[:, 20:40, 20:40] = True
    after = before.copy()
    after[:, 18:42, 18:42] = 255  # two pixels more on each side: as wide as the rim
    found = change_by_mask(before, after, mask)
    assert found.inside == 1
    assert found.outside < 0.004, "the rim is round: eight pixels of the corners reach out of it"


def test_a_translator_is_left_in_its_mode() -> None:
    network = Recolour().train()
    assert translate_pixels(network, np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, SIDE, SIDE, 3)
    assert network.training
