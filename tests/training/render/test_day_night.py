"""Villages at two hours: the same place, other light."""

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.day_night import TIMES, Time, render_country

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def hours() -> list[tuple[Pixels, Pixels]]:
    return [(render_country(seed, 64, 48, "day"), render_country(seed, 64, 48, "night")) for seed in range(10)]


def test_pictures_have_the_asked_size_and_are_functions_of_seed_and_time(hours: list[tuple[Pixels, Pixels]]) -> None:
    assert TIMES == ("day", "night")
    assert {image.shape for pair in hours for image in pair} == {(48, 64, 3)}
    assert len({image.tobytes() for pair in hours for image in pair}) == 20
    assert (render_country(3, 64, 48, "night") == hours[3][1]).all()


def test_every_night_is_darker_than_every_day(hours: list[tuple[Pixels, Pixels]]) -> None:
    days, nights = ([pair[side].mean() for pair in hours] for side in range(2))
    assert max(nights) < 0.7 * min(days)


def test_windows_and_lamps_are_warm_and_bright_in_the_dark(hours: list[tuple[Pixels, Pixels]]) -> None:
    def warm(image: Pixels) -> float:
        red, _, blue = image[20:].astype(int).transpose(2, 0, 1)
        return float(((red > 150) & (red > blue + 40)).mean())

    assert np.mean([warm(night) for _, night in hours]) > 0.002
    assert min(warm(night) for _, night in hours) > 0


def test_both_hours_show_the_same_place(hours: list[tuple[Pixels, Pixels]]) -> None:
    def steepness(image: Pixels) -> NDArray[np.float64]:
        down, across = np.gradient(np.log(image[20:].astype(float).mean(axis=2) + 8))
        return np.asarray(np.hypot(down, across).ravel())

    steep = [(steepness(day), steepness(night)) for day, night in hours]
    own = [np.corrcoef(day, night)[0, 1] for day, night in steep]
    other = [np.corrcoef(day, steep[(at + 1) % 10][1])[0, 1] for at, (day, _) in enumerate(steep)]
    assert np.mean(own) > np.mean(other) + 0.15


def test_an_unknown_time_is_named_beside_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="there is no time 'noon'; there are day, night"):
        render_country(1, 32, 32, cast(Time, "noon"))
