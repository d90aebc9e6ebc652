"""Who is who from frame to frame: ByteTrack (Zhang et al. 2022, arXiv 2110.06864), on boxes alone.

Tracks move at a constant velocity (a Kalman filter, as in SORT and DeepSORT); detections continue the tracks whose
predicted boxes they overlap. Confident detections choose first, unsure ones may only continue what was there in the
frame before: so a thing that is half hidden is not lost, and noise begins nothing. Labels play no part: a face that
takes its mask off stays who it was. There is no clock: times come with the frames.
"""

from typing import Any

import lap  # type: ignore[import-untyped]  # has no stubs
import numpy as np
from numpy.typing import NDArray

from services.runtime.geometry import iou_matrix

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_SCORE = 0.1
"""Score of a detection that may continue a track."""
BEGINNING_NEEDS_MORE = 0.1
"""Score above the threshold that a detection needs to begin a track."""
FRAME_S = 1 / 30
"""The unit of time of the motion model, whose noise is stated per frame of a usual video."""
REMEMBERED_FRAMES = 60
"""Units of time that a track is looked for after it was last seen; `REMEMBERED_AT_LEAST` frames, however slow.

Twice the paper's: one of two faces that pass each other slowly is hidden for longer than a second.
"""
REMEMBERED_AT_LEAST = 10
LEAST_IOU, LEAST_IOU_UNSURE, LEAST_IOU_NEW = 0.2, 0.5, 0.3
"""Overlap of a prediction with a confident detection, an unsure one, and of a track that was seen only once."""
LOST_COSTS = 0.1
"""Overlap that a detection must have more with a lost track than with one that was there in the frame before."""

# Standard deviations: of centre and height as shares of the height (DeepSORT's), of the aspect ratio as such.
_POSITION, _VELOCITY = 1 / 20, 1 / 160
_ASPECT, _ASPECT_VELOCITY, _ASPECT_MEASURED = 1e-2, 1e-5, 1e-1


class Motion:
    """Kalman filters of many boxes: centre x, centre y, width / height and height, each with its velocity.

    All noise of DeepSORT's filter with 8 states is independent, so it falls apart into four of 2 states, exactly.
    Rows are tracks; every array is float64 (n, 4), velocities per frame.
    """

    def __init__(self) -> None:
        self.position, self.velocity, self._of_position, self._of_both, self._of_velocity = np.zeros((5, 0, 4))

    def begin(self, boxes: Floats) -> None:
        """Add boxes (n, 4) of which only the place is known."""
        measured = _measured(boxes)
        position = 2 * _spread(measured, _POSITION, _ASPECT)
        velocity = 10 * _spread(measured, _VELOCITY, _ASPECT_VELOCITY / 10)
        still = np.zeros_like(measured)
        self._set(*map(np.vstack, zip(self._all(), (measured, still, position**2, still, velocity**2), strict=True)))

    def keep(self, rows: NDArray[Any]) -> None:
        self._set(*(values[rows] for values in self._all()))

    def predict(self, frames: float) -> Floats:
        """Move on by a time, and give the boxes (n, 4) that are expected there."""
        position = _spread(self.position, _POSITION, _ASPECT)
        velocity = _spread(self.position, _VELOCITY, _ASPECT_VELOCITY)
        self.position += frames * self.velocity
        self._of_position += 2 * frames * self._of_both + frames**2 * self._of_velocity + frames * position**2
        self._of_both += frames * self._of_velocity
        self._of_velocity += frames * velocity**2
        heights = np.maximum(self.position[:, 3:], 1e-3)
        half = np.hstack((np.maximum(self.position[:, 2:3], 1e-3) * heights, heights)) / 2
        return np.hstack((self.position[:, :2] - half, self.position[:, :2] + half))

    def correct(self, rows: Indices, boxes: Floats) -> None:
        """Tell some tracks where they were seen."""
        measured = _measured(boxes)
        both, of_position = self._of_both[rows], self._of_position[rows]
        noise = _spread(self.position[rows], _POSITION, _ASPECT_MEASURED) ** 2
        surprise = (measured - self.position[rows]) / (of_position + noise)
        share = noise / (of_position + noise)
        self.position[rows] += of_position * surprise
        self.velocity[rows] += both * surprise
        self._of_velocity[rows] -= both**2 / (of_position + noise)
        self._of_position[rows], self._of_both[rows] = share * of_position, share * both

    def _all(self) -> tuple[Floats, ...]:
        return self.position, self.velocity, self._of_position, self._of_both, self._of_velocity

    def _set(self, *values: Floats) -> None:
        self.position, self.velocity, self._of_position, self._of_both, self._of_velocity = values


class Tracker:
    """Gives the detections of a video's frames the numbers of the things that they show.

    Args:
        least_score: score from which a detection is confident.
    """

    def __init__(self, least_score: float) -> None:
        self._confident, self._given = least_score, 0
        self._beginning = min(least_score + BEGINNING_NEEDS_MORE, (1 + least_score) / 2)
        self.forget()

    def forget(self) -> None:
        """Lose every track, as if a new video began; numbers are still not given again."""
        self._motion = Motion()
        self._ids = np.zeros(0, np.int64)  # 0 for a track that was seen once
        self._unseen = np.zeros((0, 2))  # for how many units of time, and how many frames
        self._time_us: int | None = None

    @property
    def ids(self) -> frozenset[int]:
        """The numbers that may still come back."""
        return frozenset(self._ids[self._ids > 0].tolist())

    def follow(self, boxes: NDArray[Any], scores: NDArray[Any], time_us: int) -> Indices:
        """The number of each detection of the next frame, from 1; 0 for one that continues nothing yet.

        Args:
            boxes: (n, 4), finite and not empty, in pixels that mean the same in all frames.
            scores: (n), 0..1.
            time_us: not before the last frame's; where it is the same, `FRAME_S` is assumed to have passed.
        """
        first, seen = self._time_us is None, np.asarray(boxes, np.float64)
        ids = np.zeros(len(seen), np.int64)
        overlaps = iou_matrix(self._advance(time_us), seen)
        confident = np.flatnonzero(scores >= self._confident)
        unsure = np.flatnonzero((scores >= LEAST_SCORE) & (scores < self._confident))

        def continued(tracks: Indices, detections: Indices, least_iou: float) -> tuple[Indices, Indices]:
            """Joins what belongs together; returns what is left over of both."""
            lost = self._unseen[tracks, 1] > 1
            pairs = _assigned(
                1 - overlaps[np.ix_(tracks, detections)] + LOST_COSTS * lost[:, np.newaxis], 1 - least_iou
            )
            rows, columns = tracks[pairs[0]], detections[pairs[1]]
            self._motion.correct(rows, seen[columns])
            self._unseen[rows] = 0
            new = rows[self._ids[rows] == 0]
            self._ids[new] = self._new_ids(len(new))
            ids[columns] = self._ids[rows]
            return np.delete(tracks, pairs[0]), np.delete(detections, pairs[1])

        known, once = np.flatnonzero(self._ids > 0), np.flatnonzero(self._ids == 0)
        known, confident = continued(known, confident, LEAST_IOU)
        continued(known[self._unseen[known, 1] == 1], unsure, LEAST_IOU_UNSURE)
        _, confident = continued(once, confident, LEAST_IOU_NEW)
        self._drop_what_is_gone()
        beginning = confident[scores[confident] >= self._beginning]
        numbers = self._new_ids(len(beginning)) if first else np.zeros(len(beginning), np.int64)
        self._begin(seen[beginning], numbers)
        ids[beginning] = numbers
        return ids

    def _advance(self, time_us: int) -> Floats:
        """Predicted boxes at a time."""
        passed_us = time_us - (time_us if self._time_us is None else self._time_us)
        frames = passed_us / 1e6 / FRAME_S or 1.0
        self._time_us = time_us
        self._motion.velocity[self._unseen[:, 1] > 0, 3] = 0  # what is hidden does not grow
        self._unseen += (frames, 1)
        return self._motion.predict(frames)

    def _drop_what_is_gone(self) -> None:
        gone = (self._unseen > (REMEMBERED_FRAMES, REMEMBERED_AT_LEAST)).all(axis=1)
        kept = ~gone & ((self._ids > 0) | (self._unseen[:, 1] == 0))
        self._motion.keep(kept)
        self._ids, self._unseen = self._ids[kept], self._unseen[kept]

    def _begin(self, boxes: Floats, numbers: Indices) -> None:
        self._motion.begin(boxes)
        self._ids = np.concatenate((self._ids, numbers))
        self._unseen = np.vstack((self._unseen, np.zeros((len(boxes), 2))))

    def _new_ids(self, count: int) -> Indices:
        self._given += count
        return np.arange(self._given - count + 1, self._given + 1)


def _assigned(costs: Floats, most: float) -> tuple[Indices, Indices]:
    """Rows and columns of the pairs that cost least together; two that stay alone cost as much as a pair of `most`."""
    if not costs.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, columns, _ = lap.lapjv(costs, extend_cost=True, cost_limit=most)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows].astype(np.int64)


def _measured(boxes: Floats) -> Floats:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.column_stack(((boxes[:, :2] + boxes[:, 2:]) / 2, sides[:, 0] / sides[:, 1], sides[:, 1]))


def _spread(states: Floats, share_of_height: float, of_aspect: float) -> Floats:
    """Standard deviations of each state."""
    spread = np.repeat(share_of_height * states[:, 3:], 4, axis=1)
    spread[:, 2] = of_aspect
    return spread
