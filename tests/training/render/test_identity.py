import numpy as np
import pytest

from training.render.identity import SKIN_TONES, identity


def test_a_person_is_the_same_on_every_call() -> None:
    assert repr(identity(5)) == repr(identity(5))


def test_people_differ() -> None:
    assert len({identity(seed).texture for seed in range(200)}) == 200
    assert len({identity(seed).eye_apart for seed in range(200)}) == 200


def test_every_skin_tone_is_as_frequent() -> None:
    counts = np.bincount([identity(seed).tone for seed in range(1600)], minlength=len(SKIN_TONES))
    # Of 1600 draws 200 are expected for each of eight; four standard deviations are 53.
    assert counts == pytest.approx(200, abs=53)


def test_colours_can_be_displayed() -> None:
    for seed in range(100):
        person = identity(seed)
        for part in (person.skin, person.hair, person.iris):
            assert part.shape == (3,)
            assert (part > 0).all()
            assert (part < 1.1).all()
