"""One alert for one offence, however long it lasts and however much the detector hesitates."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detector.alerts import AlertRules, Alerts, Offence

BARE, MASKED, LOOSE = "without_mask", "with_mask", "mask_weared_incorrect"
FRAME_US = 100_000


def hear(alerts: Alerts, labels: Sequence[str], *, begin: int = 0) -> list[tuple[int, Offence]]:
    """The frame and the offence of every alert that one track raises."""
    return [
        (frame, offence)
        for frame, label in enumerate(labels, begin)
        for offence in alerts.hear([(1, label)], frame * FRAME_US)
    ]


def frames_of(labels: Sequence[str], rules: AlertRules) -> list[int]:
    return [frame for frame, _ in hear(Alerts(rules), labels)]


def test_one_offence_raises_one_alert_when_it_has_lasted_long_enough() -> None:
    assert frames_of([BARE] * 100, AlertRules((BARE,))) == [4]


def test_the_alert_is_a_sentence_for_people() -> None:
    ((_, offence),) = hear(Alerts(AlertRules((BARE,))), [BARE] * 9)
    assert offence == Offence("mask_missing", "Track 1 has worn no mask for 5 frames (0.4 s).", 1)
    ((_, offence),) = hear(Alerts(AlertRules((LOOSE,), frames=1)), [LOOSE])
    assert offence == Offence("mask_worn_incorrectly", "Track 1 has worn its mask incorrectly for 1 frame (0.0 s).", 1)
    ((_, offence),) = hear(Alerts(AlertRules(("dog",), frames=1)), ["dog"])
    assert (offence.kind, offence.message) == ("dog", "Track 1 has been 'dog' for 1 frame (0.0 s).")


def test_a_detector_that_hesitates_raises_nothing() -> None:
    assert frames_of([BARE, MASKED] * 50, AlertRules((BARE,))) == []
    assert frames_of([MASKED, MASKED, BARE] * 50, AlertRules((BARE,))) == []


def test_an_offence_goes_on_through_some_wrong_frames() -> None:
    assert len(frames_of([BARE] * 10 + ([MASKED] * 2 + [BARE] * 4) * 20, AlertRules((BARE,)))) == 1


def test_a_new_offence_after_the_end_of_one_raises_a_new_alert() -> None:
    rules = AlertRules((BARE,), frames=3)
    assert frames_of([BARE] * 10 + [MASKED] * 10 + [BARE] * 10, rules) == [2, 23]  # the vote turns in frame 21


def test_an_offence_does_not_end_before_the_label_has_lost_for_as_long() -> None:
    rules = AlertRules((BARE,), frames=5)
    assert len(frames_of([BARE] * 10 + [MASKED] * 4 + [BARE] * 10, rules)) == 1


def test_the_time_must_also_have_passed() -> None:
    assert frames_of([BARE] * 100, AlertRules((BARE,), frames=1, time_us=2_000_000)) == [20]
    assert frames_of([BARE] * 100, AlertRules((BARE,), frames=50, time_us=2_000_000)) == [49]


def test_each_watched_label_is_an_offence_of_its_own() -> None:
    rules = AlertRules((BARE, LOOSE), frames=1)
    kinds = [offence.kind for _, offence in hear(Alerts(rules), [BARE, LOOSE, BARE, MASKED])]
    assert kinds == ["mask_missing", "mask_worn_incorrectly", "mask_missing"]


def test_tracks_are_judged_apart() -> None:
    alerts = Alerts(AlertRules((BARE,), frames=2))
    raised = [alerts.hear([(1, BARE), (2, MASKED), (3, BARE)], n * FRAME_US) for n in range(9)]
    assert [[offence.track_id for offence in offences] for offences in raised] == [[], [1, 3], *[[]] * 7]


def test_a_track_that_is_not_seen_for_a_while_goes_on_where_it_was() -> None:
    alerts = Alerts(AlertRules((BARE,)))
    assert hear(alerts, [BARE] * 4) == []
    alerts.keep([1])
    assert [frame for frame, _ in hear(alerts, [BARE] * 5, begin=20)] == [20]


def test_a_track_that_is_gone_is_forgotten() -> None:
    alerts = Alerts(AlertRules((BARE,), frames=2))
    assert len(hear(alerts, [BARE] * 3)) == 1
    alerts.keep([7])
    assert len(hear(alerts, [BARE] * 3, begin=3)) == 1


def test_nothing_is_watched_unless_asked() -> None:
    assert hear(Alerts(AlertRules()), [BARE] * 20) == []


@given(st.lists(st.sampled_from([BARE, MASKED, LOOSE])), st.integers(1, 8))
def test_two_alerts_of_one_label_are_never_nearer_than_the_end_of_an_offence_takes(
    labels: list[str], frames: int
) -> None:
    raised = frames_of(labels, AlertRules((BARE,), frames=frames))
    assert all(later - earlier >= 2 * frames for earlier, later in pairwise(raised))


@pytest.mark.parametrize("frames", [1, 2, 5, 30])
def test_the_first_alert_comes_with_the_frame_that_was_asked_for(frames: int) -> None:
    assert frames_of([BARE] * 60, AlertRules((BARE,), frames=frames)) == [frames - 1]
