"""The bodies of people on building sites out of tubes, and the colours of what they wear.

The unit is the height of a person. x goes where the body faces, y up from the ground, z to the person's right.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from training.render.materials import Field, colour
from training.render.solids import Points3, noise3
from training.render.tubes import Tube
from training.render.worker import Arm, Pose, Worker

Knots = Sequence[tuple[float, float, float]]


class Part(IntEnum):
    """What a part of a worker is."""

    LEGS = 0
    BOOTS = 1
    TORSO = 2
    ARMS = 3
    HANDS = 4
    FACE = 5
    HAIR = 6
    DARK = 7
    LIPS = 8
    HELMET = 9
    TOOL = 10


HEAD = (Part.FACE, Part.HAIR, Part.DARK, Part.LIPS)
"""The parts of a bare head."""

_HIP, _NECK = np.array((0.0, 0.50)), np.array((0.0, 0.855))
_SILVER = colour(0.86, 0.88, 0.88)


def worker_tubes(worker: Worker, *, detail: bool) -> list[Tube]:
    """The body, feet on the ground; without `detail` what is too small to be seen from afar is left out."""
    frame = _Frame(worker.pose)
    tubes = [*_legs(worker, frame), *_trunk(worker, frame)]
    hands = []
    for side, arm in zip((-1, 1), worker.pose.arms, strict=True):
        parts, hand = _arm(worker, frame, side, arm)
        tubes += parts
        hands.append(hand)
    tubes += _head(worker, frame, detail=detail)
    if worker.helmet is not None:
        tubes += _helmet(frame, detail=detail)
    return tubes + _tool(worker.tool, hands)


class _Frame:
    """Where trunk and head are, once the body leans and the head turns."""

    def __init__(self, pose: Pose) -> None:
        self._lean = _tilt(pose.lean)
        self._nod = _tilt(pose.nod - 0.55 * pose.lean)
        cosine, sine = np.cos(pose.turn), np.sin(pose.turn)
        self._turn = np.array(((cosine, -sine), (sine, cosine)))
        feet = [0.23 * np.cos(swing) + 0.22 * np.cos(swing - bend) for swing, bend in pose.legs]
        # The hip is as high as the longer leg reaches.
        self.drop = 0.5 - 0.055 - max(feet)

    def upper(self, knots: Knots | NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the upright trunk where it leans: n x 3."""
        points = np.array(knots, float)
        points[:, :2] = _HIP + (points[:, :2] - _HIP) @ self._lean.T
        points[:, 1] -= self.drop
        return points

    def head(self, knots: Knots | NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the upright head, looking ahead, where it is: n x 3."""
        points = np.array(knots, float)
        points[:, (0, 2)] = points[:, (0, 2)] @ self._turn.T
        points[:, :2] = _NECK + (points[:, :2] - _NECK) @ self._nod.T
        return self.upper(points)

    def plane(
        self, normal: tuple[float, float, float], through: tuple[float, float, float]
    ) -> tuple[float, float, float, float]:
        """A plane of the upright head, where it is."""
        ends = self.head((through, tuple(np.add(through, normal))))
        turned = ends[1] - ends[0]
        return float(turned[0]), float(turned[1]), float(turned[2]), float(turned @ ends[0])

    def trunk_points(self, points: Points3) -> Points3:
        """Seen points, 3 x n, as they would be on an upright trunk."""
        upright = points.copy()
        upright[1] += np.float32(self.drop)
        offset = upright[:2] - _HIP[:, None].astype(np.float32)
        upright[:2] = self._lean.T.astype(np.float32) @ offset + _HIP[:, None].astype(np.float32)
        return upright


def _tilt(angle: float) -> NDArray[np.float64]:
    """A turn of (x, y) that brings what is above forwards."""
    return np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))


def _legs(worker: Worker, frame: _Frame) -> list[Tube]:
    hips = np.array(((0.0, 0.51 - frame.drop, -0.036), (0.0, 0.51 - frame.drop, 0.036)))
    tubes = [Tube(hips, np.full(2, 0.079) * worker.broad, Part.LEGS, 0.02)]
    for side, (swing, bend) in zip((-1, 1), worker.pose.legs, strict=True):
        hip = np.array((0.0, 0.5 - frame.drop, side * 0.052))
        knee = hip + 0.23 * np.array((np.sin(swing), -np.cos(swing), side * 0.06))
        ankle = knee + 0.22 * np.array((np.sin(swing - bend), -np.cos(swing - bend), side * 0.03))
        radii = np.array((0.072, 0.05, 0.04)) * worker.broad
        tubes.append(Tube(np.stack((hip, knee, ankle)), radii, Part.LEGS, 0.02))
        toe = ankle + np.array((0.075, -0.028, side * 0.012))
        tubes.append(Tube(np.stack((ankle - (0.012, 0.02, 0), toe)), np.array((0.036, 0.027)), Part.BOOTS, 0.01))
    return tubes


def _trunk(worker: Worker, frame: _Frame) -> list[Tube]:
    tubes = []
    for side in (-1, 1):
        knots = ((0, 0.535, 0.036), (0, 0.60, 0.034), (0, 0.70, 0.05), (0, 0.775, 0.062), (0, 0.80, 0.05))
        points = frame.upper([(x, y, side * z * worker.broad) for x, y, z in knots])
        radii = np.array((0.075, 0.072, 0.076, 0.062, 0.045)) * worker.broad
        tubes.append(Tube(points, radii, Part.TORSO, 0.06))
    neck = frame.upper(((-0.005, 0.80, 0), (0.004, 0.875, 0)))
    return [*tubes, Tube(neck, np.array((0.042, 0.036)), Part.HANDS, 0.01)]


def _arm(worker: Worker, frame: _Frame, side: int, arm: Arm) -> tuple[list[Tube], NDArray[np.float64]]:
    """Upper arm, forearm and hand; and where the hand is."""
    shoulder = np.array((0.0, 0.785, side * 0.108 * worker.broad))
    upper = np.array(
        (np.sin(arm.lift) * np.cos(arm.spread), -np.cos(arm.lift) * np.cos(arm.spread), side * np.sin(arm.spread))
    )
    bent, inwards = arm.lift + arm.bend, 0.3 * arm.spread - 0.25 * min(arm.bend, 1)
    lower = np.array((np.sin(bent) * np.cos(inwards), -np.cos(bent) * np.cos(inwards), side * np.sin(inwards)))
    elbow = shoulder + 0.165 * upper
    wrist = elbow + 0.14 * lower
    hand = wrist + 0.035 * lower
    points = frame.upper(np.stack((shoulder, elbow, wrist)))
    ends = frame.upper(np.stack((wrist, hand)))
    radii = np.array((0.047, 0.039, 0.030)) * worker.broad
    return [Tube(points, radii, Part.ARMS, 0.02), Tube(ends, np.array((0.026, 0.029)), Part.HANDS, 0.005)], ends[1]


def _head(worker: Worker, frame: _Frame, *, detail: bool) -> list[Tube]:
    skull = frame.head(((-0.006, 0.942, 0), (0.016, 0.906, 0), (0.03, 0.879, 0)))
    tubes = [Tube(skull, np.array((0.061, 0.051, 0.034)), Part.FACE, 0.01)]
    # Hair ends at a line from the forehead down to the nape.
    ball = frame.head(((-0.012, 0.946, 0), (-0.004, 0.948, 0)))
    hairline = frame.plane((-0.62, 0.78, 0.0), (0.045, 0.978, 0.0))
    tubes.append(Tube(ball, np.array((0.066, 0.066)), Part.HAIR, 0.004, cut=hairline))
    for side in (-1, 1):
        ear = frame.head(((-0.004, 0.928, side * 0.056), (-0.002, 0.910, side * 0.054)))
        tubes.append(Tube(ear, np.array((0.016, 0.012)), Part.FACE, 0.008))
    return tubes + (_features(frame) if detail else [])


def _features(frame: _Frame) -> list[Tube]:
    """Nose, eyes, brows and mouth."""
    tubes = [Tube(frame.head(((0.056, 0.926, 0), (0.072, 0.905, 0))), np.array((0.010, 0.014)), Part.FACE, 0.012)]
    for side in (-1, 1):
        eye = frame.head(((0.0515, 0.929, side * 0.017), (0.0455, 0.929, side * 0.030)))
        tubes.append(Tube(eye, np.array((0.0075, 0.0065)), Part.DARK, 0.003))
        brow = frame.head(((0.056, 0.944, side * 0.012), (0.045, 0.945, side * 0.036)))
        tubes.append(Tube(brow, np.array((0.0065, 0.0055)), Part.HAIR, 0.003))
    mouth = frame.head(((0.055, 0.882, -0.017), (0.0605, 0.881, 0.0), (0.055, 0.882, 0.017)))
    return [*tubes, Tube(mouth, np.array((0.005, 0.0075, 0.005)), Part.LIPS, 0.003)]


def _helmet(frame: _Frame, *, detail: bool) -> list[Tube]:
    """A dome with a ridge, and a brim that is longest in front."""
    rim = 0.952
    dome = frame.head(((-0.016, rim + 0.006, 0), (0.006, rim + 0.006, 0)))
    cut = frame.plane((0.0, 1.0, 0.0), (0.0, rim, 0.0))
    tubes = [Tube(dome, np.array((0.076, 0.076)), Part.HELMET, 0.004, cut=cut)]
    angle = np.linspace(0, 2 * np.pi, 14 if detail else 8)
    ring = np.stack((-0.006 + 0.083 * np.cos(angle), np.full_like(angle, rim), 0.076 * np.sin(angle)), axis=1)
    tubes.append(Tube(frame.head(ring), np.full(len(angle), 0.0085), Part.HELMET, 0.004))
    for z in (-0.05, -0.03, -0.01, 0.01, 0.03, 0.05) if detail else (-0.03, 0.03):
        peak = frame.head(((0.05, rim + 0.003, z), (0.112 - 10 * z * z, rim - 0.006, 0.9 * z)))
        tubes.append(Tube(peak, np.array((0.013, 0.0105)) if detail else np.full(2, 0.022), Part.HELMET, 0.008))
    ridge = frame.head(((-0.075, 0.992, 0), (-0.045, 1.022, 0), (0.0, 1.035, 0), (0.04, 1.018, 0), (0.066, 0.985, 0)))
    return [*tubes, Tube(ridge, np.full(5, 0.013), Part.HELMET, 0.006)] if detail else tubes


def _tool(tool: str, hands: list[NDArray[np.float64]]) -> list[Tube]:
    """Something held in the right hand."""
    x, y, z = hands[1]
    lines = {
        "plank": (((x - 0.45, y + 0.03, z), (x + 0.45, y - 0.01, z + 0.02)), (0.022, 0.022)),
        "shovel": (((x - 0.06, y + 0.28, z), (x + 0.06, max(0.06, y - 0.42), z + 0.02)), (0.012, 0.014)),
    }
    if tool not in lines:
        return []
    ends, radii = lines[tool]
    return [Tube(np.array(ends), np.array(radii), Part.TOOL, 0.003)]


def worker_colours(worker: Worker, points: Points3, parts: NDArray[np.int8]) -> Field:
    """The colours of n seen points, 3 x n in body coordinates, of some parts: n x 3, 0..1."""
    folds = 1 + 0.07 * noise3(points, 16, worker.phase)
    colours = np.empty((points.shape[1], 3), np.float32)
    plain = {
        Part.LEGS: worker.trousers,
        Part.BOOTS: colour(0.22, 0.16, 0.10),
        Part.ARMS: worker.shirt,
        Part.TORSO: worker.shirt,
        Part.HANDS: worker.skin * np.float32(0.93),
        Part.FACE: worker.skin,
        Part.HAIR: worker.hair,
        Part.DARK: colour(0.05, 0.04, 0.04),
        Part.LIPS: worker.skin * colour(0.78, 0.5, 0.48),
        Part.HELMET: worker.helmet if worker.helmet is not None else worker.hair,
        Part.TOOL: colour(0.60, 0.45, 0.28),
    }
    for part, tint in plain.items():
        colours[parts == part] = tint
    if worker.vest is not None:
        _vest(worker, points, parts, colours)
    clothed = np.isin(parts, (Part.LEGS, Part.ARMS, Part.TORSO))
    colours[clothed] *= folds[clothed, None]
    return np.clip(colours, 0.01, 1)


def _vest(worker: Worker, points: Points3, parts: NDArray[np.int8], colours: Field) -> None:
    """A sleeveless vest with silver bands around the waist and over the shoulders, open at the collar."""
    assert worker.vest is not None
    seen = np.flatnonzero(parts == Part.TORSO)
    x, y, z = _Frame(worker.pose).trunk_points(points[:, seen])
    collar = (x > 0) & (np.abs(z) < 0.75 * (y - 0.735))
    covered = (y > 0.485) & ~collar & (np.abs(z) < 0.115 * worker.broad)
    across = (np.abs(y - 0.60) < 0.014) | (np.abs(y - 0.535) < 0.014)
    bands = across | ((np.abs(np.abs(z) - 0.068) < 0.0135) & (y > 0.6))
    colours[seen[covered]] = worker.vest
    colours[seen[covered & bands]] = _SILVER
