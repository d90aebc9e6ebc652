import subprocess
import sys
from hashlib import sha256

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.errors import TrainingError
from training.render.animals import (
    QUADRUPEDS,
    Setting,
    paint_scene,
    render_coat,
    render_quadruped,
    silhouette,
)
from training.render.head import Light
from training.render.quadruped_plans import Kind, Role
from training.render.quadrupeds import Stance, quadruped, random_stance
from training.render.tubes import Camera3, Relief, side_view

KINDS: tuple[Kind, ...] = ("cow", "horse")


def digest(seed: int, kind: Kind) -> str:
    return sha256(render_quadruped(seed, 56, 48, kind).tobytes()).hexdigest()


def body(kind: Kind, stance: Stance, seed: int = 0) -> NDArray[np.bool_]:
    """What a body covers, 200 x 260, seen straight from its right, 100 pixels to the withers' height."""
    relief = Relief(Camera3(200, 260, 100, (110, 180), side_view(0, 0)))
    for tube in quadruped(kind, stance, np.random.default_rng(seed)).tubes:
        relief.paint(tube)
    return np.asarray(relief.role >= 0)


STANDING = Stance((0, 0, 0, 0), (0, 0, 0, 0), neck=0, head=0, tail=0, heavy=1, legs=1)


def test_the_kinds_are_those_that_recipes_name() -> None:
    assert QUADRUPEDS == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_has_the_asked_size(kind: Kind) -> None:
    picture = render_quadruped(1, 90, 70, kind)
    assert picture.shape == (70, 90, 3)
    assert picture.dtype == np.uint8


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    first = digest(7, "cow")
    digest(8, "horse")
    np.random.random(5)  # nothing may depend on the global state
    assert digest(7, "cow") == first


def test_another_process_gives_the_same_bytes() -> None:
    script = (
        "from hashlib import sha256; from training.render.animals import render_quadruped;"
        "print(sha256(render_quadruped(7, 56, 48, 'horse').tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(7, "horse")


def test_no_two_seeds_and_no_two_kinds_look_alike() -> None:
    assert len({digest(seed, kind) for seed in range(8) for kind in KINDS}) == 16


def test_horses_are_high_and_slender_where_cows_are_long_and_heavy() -> None:
    cow, horse = (body(kind, STANDING) for kind in KINDS)
    heights, lengths = ([np.ptp(np.nonzero(seen.any(axis=axis))[0]) for seen in (cow, horse)] for axis in (1, 0))
    assert heights[1] > 1.15 * heights[0]
    assert lengths[0] > 1.05 * lengths[1]
    # Light below the trunk: a horse stands on longer legs. The ground is at row 180, 100 rows below the withers.
    free = [int(np.nonzero(seen[:, 115])[0].max()) for seen in (cow, horse)]
    assert free[1] < free[0] - 5


@pytest.mark.parametrize("kind", KINDS)
def test_hooves_stand_on_the_ground_in_any_stance(kind: Kind) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stance = random_stance(rng, kind)
        hooves = [tube for tube in quadruped(kind, stance, rng).tubes if tube.role == Role.HOOF]
        heights = np.array([tube.knots[-1, 1] for tube in hooves])
        assert len(heights) == 4
        assert heights.min() > -0.06
        assert (heights < 0.1).sum() >= 2, "two hooves carry the animal"


@pytest.mark.parametrize("kind", KINDS)
def test_a_grazing_animal_has_its_nose_near_the_ground(kind: Kind) -> None:
    down = {"cow": -1.25, "horse": -1.62}[kind]
    grazing = Stance(STANDING.swing, STANDING.bend, neck=down, head=0.45, tail=0, heavy=1, legs=1)
    up, low = (quadruped(kind, stance, np.random.default_rng(0)).nose[1] for stance in (STANDING, grazing))
    assert up > 0.7
    assert -0.05 < low < 0.35


@pytest.mark.parametrize("kind", KINDS)
def test_a_coat_of_the_other_kind_changes_colours_and_not_the_body(kind: Kind) -> None:
    other: Kind = "horse" if kind == "cow" else "cow"
    changed = 0
    for seed in range(8):
        own, strange = render_quadruped(seed, 64, 64, kind, kind), render_quadruped(seed, 64, 64, kind, other)
        difference = np.abs(own.astype(int) - strange).max(axis=2) > 12
        changed += difference.mean() > 0.05
        # The country around is the same: its uppermost rows show sky.
        assert difference[:3].mean() < 0.02
    assert changed >= 6, "coats of both kinds may be brown, but rarely are alike"


@pytest.mark.parametrize("kind", KINDS)
def test_a_silhouette_is_where_another_coat_changes_the_picture(kind: Kind) -> None:
    for seed in range(4):
        cow, horse = (paint_scene(seed, (72, 64), kind, Setting(coat=coat)).astype(int) for coat in KINDS)
        mask = silhouette(seed, 72, 64, kind)
        changed = np.abs(cow - horse).max(axis=2) > 40  # more than the camera's noise
        assert mask.shape == (64, 72)
        assert 0.08 < mask.mean() < 0.6
        assert changed[~mask].sum() <= 0.1 * changed.sum(), "soft edges alone lie outside"


def test_a_judge_of_coats_sees_either_body_in_every_coat() -> None:
    bodies = {}
    for kind in KINDS:
        bodies[kind] = [
            next(form for form in KINDS if (render_coat(seed, 48, 48, kind) == paint(seed, form, kind)).all())
            for seed in range(7)
        ]
    assert bodies["cow"] == bodies["horse"], "the seed decides the body"
    assert set(bodies["cow"]) == set(KINDS)


def paint(seed: int, form: Kind, coat: Kind) -> NDArray[np.uint8]:
    return paint_scene(seed, (48, 48), form, Setting(coat=coat))


def test_shifted_pictures_are_another_domain() -> None:
    def grounds(*, shifted: bool) -> NDArray[np.float64]:
        pictures = [render_quadruped(seed, 48, 48, KINDS[seed % 2], shifted=shifted) for seed in range(24)]
        return np.array([picture[-6:].reshape(-1, 3).mean(axis=0) for picture in pictures])

    home, away = grounds(shifted=False), grounds(shifted=True)
    greener = [(means[:, 1] - means[:, 0]).mean() for means in (home, away)]
    assert greener[0] > 5, "meadows are green"
    assert greener[1] < -5, "sand is not"


def test_light_is_a_parameter_and_night_is_dark() -> None:
    day, night = (
        paint_scene(3, (64, 64), "horse", Setting(light=Light(0.3, 0.8, 0.5, brightness))) for brightness in (1.0, 0.25)
    )
    assert night.mean() < 0.4 * day.mean()


def test_light_falls_from_the_side_it_is_said_to_come_from() -> None:
    balance = []
    for across in (-2.0, 2.0):
        light = Light(across, 0.3, 1.0, 1.0)
        lean = []
        for seed in range(10):
            lit = paint_scene(seed, (64, 64), "cow", Setting(light=light))
            flat = paint_scene(seed, (64, 64), "cow", Setting(light=Light(0.0, 0.3, 0.0, 1.0)))
            # What the lamp changes, on the left and on the right of where it changes most.
            change = cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY).astype(float) - cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY)
            lean.append(np.average(np.arange(64), weights=np.maximum(change, 0).sum(axis=0) + 1e-9))
        balance.append(np.mean(lean))
    assert balance[1] > balance[0] + 1


@pytest.mark.parametrize("arguments", [("dog", None), ("cow", "zebra")])
def test_an_unknown_kind_is_named_beside_the_known_ones(arguments: tuple[Kind, Kind | None]) -> None:
    with pytest.raises(TrainingError, match="there is no animal '(dog|zebra)'; there are cow, horse"):
        render_quadruped(1, 32, 32, *arguments)
