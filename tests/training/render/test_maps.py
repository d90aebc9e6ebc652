"""Towns from the air and as maps: the same on every machine, and both of the same town."""

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from training.render.maps import CLASSES, PALETTE, nearest_class, render_map_pair

Pixels = NDArray[np.uint8]


def digest(seed: int) -> str:
    return sha256(b"".join(side.tobytes() for side in render_map_pair(seed, 56, 48))).hexdigest()


@pytest.fixture(scope="module")
def towns() -> list[tuple[Pixels, Pixels]]:
    return [render_map_pair(seed, 96, 96) for seed in range(20)]


def test_both_pictures_have_the_asked_size() -> None:
    for side in render_map_pair(1, 90, 70):
        assert side.shape == (70, 90, 3)
        assert side.dtype == np.uint8


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "from hashlib import sha256; from training.render.maps import render_map_pair;"
        "print(sha256(b''.join(side.tobytes() for side in render_map_pair(7, 56, 48))).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    np.random.random(5)  # nothing may depend on the global state
    assert other.stdout.strip() == digest(7)
    assert len({digest(seed) for seed in range(8)}) == 8


def test_colours_of_the_palette_are_far_apart() -> None:
    colours = PALETTE.astype(float)
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=2)[~np.eye(len(colours), dtype=bool)]
    assert distances.min() >= 50
    assert len(CLASSES) == len(PALETTE)


def test_a_map_shows_the_colours_of_its_palette_alone(towns: list[tuple[Pixels, Pixels]]) -> None:
    drawn = np.concatenate([drawing.reshape(-1, 3) for _, drawing in towns])
    off = np.abs(drawn.astype(int) - PALETTE[nearest_class(drawn)]).max(axis=1)
    assert (off > 24).mean() < 0.06, "the rest are smooth edges"


def test_every_class_occurs_and_streets_and_houses_are_frequent(towns: list[tuple[Pixels, Pixels]]) -> None:
    found = np.concatenate([nearest_class(drawing).ravel() for _, drawing in towns])
    shares = dict(zip(CLASSES, np.bincount(found, minlength=6) / len(found), strict=True))
    assert all(share > 0.005 for share in shares.values()), shares
    assert 0.12 < shares["road"] < 0.4
    assert 0.08 < shares["building"] < 0.35


def test_what_the_map_calls_water_park_or_road_looks_like_it_from_the_air(towns: list[tuple[Pixels, Pixels]]) -> None:
    seen = np.concatenate([aerial.reshape(-1, 3) for aerial, _ in towns]).astype(float)
    classes = np.concatenate([nearest_class(drawing).ravel() for _, drawing in towns])
    means = {name: seen[classes == number].mean(axis=0) for number, name in enumerate(CLASSES)}
    assert means["water"][2] > means["water"][0] + 10, "blue"
    assert means["park"][1] > means["park"][2] + 15, "green"
    assert np.ptp(means["road"]) < 12, "grey"
    assert means["highway"].mean() > means["road"].mean(), "concrete is brighter than asphalt"
    brightness = [seen[classes == number].mean(axis=1).std() for number in (CLASSES.index("water"), 2)]
    assert brightness[1] > 1.5 * brightness[0], "roofs are of many colours, water is not"


def test_a_larger_picture_shows_more_of_a_town_not_larger_streets() -> None:
    def roads(side: int) -> float:
        drawings = [render_map_pair(seed, side, side)[1] for seed in range(6)]
        return float(np.mean([(nearest_class(drawing) == 1).mean() for drawing in drawings]))

    assert roads(160) == pytest.approx(roads(80), rel=0.5)


def test_two_pictures_of_a_town_are_sharp_where_houses_end(towns: list[tuple[Pixels, Pixels]]) -> None:
    """Half a pixel of misalignment would blur what a translator learns: edges of both must lie together."""

    def steepness(image: Pixels) -> NDArray[np.float64]:
        down, across = np.gradient(image.astype(float).mean(axis=2))
        return np.asarray(np.hypot(down, across))

    def agreement(shift: int) -> float:
        pairs = [(steepness(aerial), np.roll(steepness(drawing), shift, axis=1)) for aerial, drawing in towns]
        return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))

    assert agreement(0) > max(agreement(shift) for shift in (-3, -2, 2, 3))
