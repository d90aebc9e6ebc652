"""When what a track shows is worth an alert: once for each offence, however many frames it lasts.

Pure: it knows no clock, no message and no model; times come with the frames.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

VOTES = 5
"""Frames in which a track was seen that vote on what it shows."""

_KINDS = {
    "without_mask": ("mask_missing", "has worn no mask"),
    "mask_weared_incorrect": ("mask_worn_incorrectly", "has worn its mask incorrectly"),
}
"""Labels of the face-mask set, in words for people; any other label is a kind of its own."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """What raises an alert: labels, and the frames in a row and microseconds that one must have won."""

    labels: tuple[str, ...] = ()
    frames: int = 5
    time_us: int = 0


@dataclass(frozen=True, slots=True)
class Offence:
    """An alert: its kind, a sentence for people, and whom it concerns."""

    kind: str
    message: str
    track_id: int


@dataclass(slots=True)
class _Judgement:
    """Whether a track is held to show one label, and for how long it has looked otherwise."""

    shown: bool = False
    contrary_frames: int = 0
    since_us: int = 0

    def changes(self, wins: bool, time_us: int, rules: AlertRules) -> bool:
        """Hear what a frame says; whether the judgement is another one now."""
        if wins == self.shown:
            self.contrary_frames = 0
            return False
        if not self.contrary_frames:
            self.since_us = time_us
        self.contrary_frames += 1
        if self.contrary_frames < rules.frames or time_us - self.since_us < rules.time_us:
            return False
        self.shown = wins
        return True


@dataclass(slots=True)
class _History:
    """What one track has shown."""

    votes: deque[str]
    judgements: dict[str, _Judgement] = field(default_factory=dict)

    def vote(self, label: str) -> str:
        """The label that was shown more often than any other; none where several were shown as often."""
        self.votes.append(label)
        (best, most), *others = Counter(self.votes).most_common(2)
        return "" if others and others[0][1] == most else best


class Alerts:
    """Judges the tracks of one video."""

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules
        self._histories: dict[int, _History] = {}

    def hear(self, shown: Iterable[tuple[int, str]], time_us: int) -> list[Offence]:
        """What the next frame raises, given the number and the label of each track that it shows."""
        offences = []
        for track_id, label in shown if self._rules.labels else ():
            history = self._histories.setdefault(track_id, _History(deque(maxlen=min(VOTES, self._rules.frames))))
            winner = history.vote(label)
            for watched in self._rules.labels:
                judgement = history.judgements.setdefault(watched, _Judgement())
                if judgement.changes(winner == watched, time_us, self._rules):
                    if judgement.shown:
                        offences.append(_offence(track_id, watched, judgement, time_us))
                    judgement.contrary_frames = 0
        return offences

    def keep(self, track_ids: Iterable[int]) -> None:
        """Forget every other track."""
        kept = frozenset(track_ids)
        self._histories = {number: history for number, history in self._histories.items() if number in kept}


def _offence(track_id: int, label: str, judgement: _Judgement, time_us: int) -> Offence:
    kind, words = _KINDS.get(label, (label, f"has been '{label}'"))
    frames = f"{judgement.contrary_frames} frames" if judgement.contrary_frames > 1 else "1 frame"
    seconds = (time_us - judgement.since_us) / 1e6
    return Offence(kind, f"Track {track_id} {words} for {frames} ({seconds:.1f} s).", track_id)
