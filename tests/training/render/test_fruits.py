import subprocess
import sys
from hashlib import sha256

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.fruits import FRUITS, render_fruit

Picture = NDArray[np.uint8]


def digest(seed: int, kind: str) -> str:
    return sha256(render_fruit(seed, 48, 40, kind).tobytes()).hexdigest()


def traits(picture: Picture) -> NDArray[np.float64]:
    """Colour and form in eight numbers: mean and spread of the colours inside, how round, how much of its hull."""
    inside = np.asarray((picture < 240).any(axis=2))
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[inside].astype(float)
    outlines, _ = cv2.findContours(np.asarray(inside, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    area, hull = cv2.contourArea(outline), cv2.contourArea(cv2.convexHull(outline))
    _, (long, short), _ = cv2.fitEllipse(outline)
    shape = np.array((60 * area / hull, 40 * min(long, short) / max(long, short)))
    return np.concatenate((colours.mean(axis=0), colours.std(axis=0), shape))


@pytest.mark.parametrize("kind", FRUITS)
def test_a_fruit_has_the_asked_size_and_fills_most_of_it(kind: str) -> None:
    picture = render_fruit(5, 80, 60, kind)
    assert picture.shape == (60, 80, 3)
    assert picture.dtype == np.uint8
    inside = (picture < 240).any(axis=2)
    rows, columns = np.nonzero(inside)
    assert max(np.ptp(rows), np.ptp(columns)) > 0.55 * 60
    assert inside.mean() > 0.1


@pytest.mark.parametrize("kind", FRUITS)
def test_what_is_not_fruit_is_pure_white(kind: str) -> None:
    for seed in range(6):
        picture = render_fruit(seed, 64, 64, kind)
        white = (picture == 255).all(axis=2)
        assert white.mean() > 0.15
        # Apart from the rim, whose pixels are shared, a pixel is fruit or white: no shadow, no noise.
        fruit = np.asarray((picture < 200).any(axis=2), np.uint8)
        near = cv2.dilate(fruit, np.ones((5, 5), np.uint8)) > 0
        assert white[~near].all()


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    first = digest(7, "plum")
    digest(8, "orange")
    np.random.random(5)  # nothing may depend on the global state
    assert digest(7, "plum") == first


def test_another_process_gives_the_same_bytes() -> None:
    script = (
        "from hashlib import sha256; from training.render.fruits import render_fruit;"
        "print(sha256(render_fruit(7, 48, 40, 'pear').tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(7, "pear")


def test_no_two_seeds_and_no_two_kinds_look_alike() -> None:
    assert len({digest(seed, kind) for seed in range(5) for kind in FRUITS}) == 5 * len(FRUITS)


def test_a_number_is_a_kind_too() -> None:
    assert np.array_equal(render_fruit(3, 32, 32, 2), render_fruit(3, 32, 32, FRUITS[2]))


@pytest.mark.parametrize("kind", ["durian", -1, 11])
def test_an_unknown_kind_is_named_beside_the_known_ones(kind: str | int) -> None:
    with pytest.raises(TrainingError, match=f"no fruit {kind!r}; there are apple_red, "):
        render_fruit(1, 32, 32, kind)


def test_kinds_can_be_told_apart_by_colour_and_form() -> None:
    seen = {kind: np.array([traits(render_fruit(seed, 64, 64, kind)) for seed in range(14)]) for kind in FRUITS}
    middles = np.array([values[:10].mean(axis=0) for values in seen.values()])
    right = [
        int(np.linalg.norm(middles - value, axis=1).argmin()) == number
        for number, values in enumerate(seen.values())
        for value in values[10:]
    ]
    # The nearest of eleven mean values, no learning: guessing would be right one time in eleven.
    assert np.mean(right) > 0.75
