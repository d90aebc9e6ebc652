"""The bodies of cows and horses out of tubes, in any stance. Heights are shares of that of the withers.

x goes towards the head, y up from the ground, z to the animal's right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.materials import Random
from training.render.quadruped_plans import PLANS, Kind, Knots, Plan, Role
from training.render.tubes import Tube


@dataclass(frozen=True, slots=True)
class Stance:
    """How an animal stands.

    Attributes:
        swing: of the four legs (left fore, right fore, left hind, right hind) forwards, in radians.
        bend: of each knee, 0 (straight) .. 1.
        neck: radians by which the neck is raised above its usual carriage; far below 0: it grazes.
        head: radians by which the nose is raised.
        tail: -1 .. 1, to which side the tail swings.
        heavy: about 1, how deep the trunk is.
        legs: about 1, how long the legs are.
    """

    swing: tuple[float, float, float, float]
    bend: tuple[float, float, float, float]
    neck: float
    head: float
    tail: float
    heavy: float
    legs: float


def random_stance(rng: Random, kind: Kind) -> Stance:
    """Standing or walking, looking up or grazing."""
    walking = rng.random() < 0.5
    reach = rng.uniform(0.12, 0.34) if walking else 0.07
    phase = rng.uniform(0, 2 * np.pi)
    # A walk's order: left hind, left fore, right hind, right fore, a quarter of a turn apart.
    turns = phase + np.array((0.25, 0.75, 0.0, 0.5)) * 2 * np.pi
    swing = reach * np.sin(turns) + rng.normal(0, 0.03, 4)
    bend = np.maximum(np.cos(turns), 0) * (0.9 * reach / 0.34 if walking else 0.0)
    grazing = rng.random() < 0.18
    low = -1.25 if kind == "cow" else -1.62
    return Stance(
        swing=_four(swing),
        bend=_four(bend),
        neck=float(low + rng.normal(0, 0.08) if grazing else rng.normal(0, 0.16)),
        head=float(rng.normal(0.45 if grazing else 0, 0.13)),
        tail=float(rng.uniform(-1, 1)),
        heavy=float(rng.uniform(0.92, 1.1)),
        legs=float(rng.uniform(0.93, 1.06)),
    )


def _four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])


@dataclass(frozen=True, slots=True)
class Quadruped:
    """An animal's parts, and where its nose and forehead are in body coordinates, for markings."""

    tubes: tuple[Tube, ...]
    nose: NDArray[np.float64]
    brow: NDArray[np.float64]


def quadruped(kind: Kind, stance: Stance, rng: Random) -> Quadruped:
    """The body of a kind in a stance; chance gives it horns, ears, an udder and hair of their own."""
    plan = PLANS[kind]
    carriage = _Carriage(plan, stance)
    tubes = [_trunk(plan, stance), carriage.tube(plan.neck, Role.HIDE, 0.09), carriage.tube(plan.head, Role.FACE, 0.05)]
    for number, side in enumerate((-1, 1, -1, 1)):
        knots = plan.fore if number < 2 else plan.hind
        tubes += _leg(knots, side, plan.apart, stance, number)
    tubes += carriage.details(kind, rng)
    tubes += _cows_own(carriage, stance, rng) if kind == "cow" else _horses_own(carriage, stance, rng)
    nose, brow = carriage.place(((*plan.head[-1][:2], 0.0),))[0], carriage.place(((*plan.head[1][:2], 0.0),))[0]
    return Quadruped(tuple(tubes), nose, brow)


def _trunk(plan: Plan, stance: Stance) -> Tube:
    x, top, bottom = np.array(plan.trunk).T
    bottom = top - (top - bottom) * stance.heavy
    middle = np.stack((x, (top + bottom) / 2, np.zeros_like(x)), axis=1)
    return Tube(middle, (top - bottom) / 2, Role.HIDE, 0.08, flat=plan.narrow)


class _Carriage:
    """Neck and head turned as the stance says."""

    def __init__(self, plan: Plan, stance: Stance) -> None:
        self._root = np.array(plan.neck[0][:2])
        self._joint = np.array(plan.head[0][:2])
        self._neck = _rotation(stance.neck)
        self._head = _rotation(stance.head - 0.55 * min(stance.neck, 0))
        self._plan = plan

    def place(self, knots: Knots, *, on_neck: bool = False) -> NDArray[np.float64]:
        """Points (x, y, z) of the head, or of the neck, where the stance has them: n x 3."""
        points = np.array(knots, float)
        flat = points[:, :2]
        if not on_neck:
            flat = self._joint + (flat - self._joint) @ self._head.T
        along = np.clip((points[:, 0] - self._root[0]) / (self._joint[0] - self._root[0]), 0, 1)
        # The neck bends over its length: near the shoulders it hardly turns.
        turned = self._root + (flat - self._root) @ self._neck.T
        share = np.clip(along * 1.9, 0, 1)[:, None] if on_neck else 1.0
        return np.column_stack((flat + (turned - flat) * share, points[:, 2]))

    def tube(self, knots: Knots, role: Role, blend: float) -> Tube:
        """A tube of knots (x, y, radius) in the middle plane."""
        middle = [(x, y, 0.0) for x, y, _ in knots]
        radii = np.array([radius for *_, radius in knots])
        return Tube(self.place(middle, on_neck=role == Role.HIDE), radii, role, blend, flat=0.75)

    def part(self, knots: Knots, radii: Sequence[float], role: Role, *, on_neck: bool = False) -> Tube:
        """A tube of knots (x, y, z)."""
        return Tube(self.place(knots, on_neck=on_neck), np.array(radii), role, 0.012)

    def details(self, kind: Kind, rng: Random) -> list[Tube]:
        """Eyes, nostrils and ears of both sides."""
        x, y, z = self._plan.eye
        nose_x, nose_y, thick = self._plan.head[-1]
        poll_x, poll_y = self._plan.poll
        prick = rng.normal(0, 0.03)
        parts = []
        for side in (-1, 1):
            parts.append(self.part(((x, y, side * z), (x + 0.012, y - 0.004, side * z)), (0.021, 0.019), Role.EYE))
            nostril = (nose_x + 0.25 * thick, nose_y + 0.15 * thick, side * 0.62 * thick)
            parts.append(
                self.part((nostril, (nostril[0] + 0.006, nostril[1] - 0.012, nostril[2])), (0.016, 0.012), Role.EYE)
            )
            if kind == "horse":
                base = (poll_x, poll_y - 0.03, side * 0.035)
                knots = (
                    base,
                    (poll_x + prick, poll_y + 0.035, side * 0.045),
                    (poll_x + 0.015 + prick, poll_y + 0.095, side * 0.04),
                )
                parts.append(self.part(knots, (0.026, 0.03, 0.006), Role.FACE))
            else:
                base = (poll_x - 0.005, poll_y - 0.06, side * 0.09)
                knots = (
                    base,
                    (poll_x - 0.05, poll_y - 0.07 + prick, side * 0.17),
                    (poll_x - 0.09, poll_y - 0.10 + prick, side * 0.24),
                )
                parts.append(self.part(knots, (0.03, 0.042, 0.012), Role.FACE))
        return parts


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))


def _leg(knots: Knots, side: int, apart: float, stance: Stance, number: int) -> list[Tube]:
    """One leg and its hoof, swung from the hip and bent at the knee, standing on the ground unless it is lifted."""
    points = np.array([(x, y, side * apart) for x, y, _ in knots])
    radii = np.array([radius for *_, radius in knots])
    points[1:, 1] *= 1 + (stance.legs - 1) * np.linspace(0.2, 1, len(points) - 1)
    swing, bend = stance.swing[number], stance.bend[number]
    points[:, :2] = points[0, :2] + (points[:, :2] - points[0, :2]) @ _rotation(swing).T
    lower = points[3:, :2] - points[3, :2]
    points[3:, :2] = points[3, :2] + lower @ _rotation(-1.1 * bend).T
    if bend < 0.1:
        hip, foot = points[0, 1], points[-1, 1]
        points[:, 1] = hip - (hip - points[:, 1]) * (hip - 0.055) / (hip - foot)
    shade = 0.66 if side < 0 else 1.0
    toe = points[-1] - points[-2]
    toe /= np.linalg.norm(toe)
    hoof = np.stack((points[-1], points[-1] + 0.05 * toe))
    return [
        Tube(points, radii, Role.LEG, 0.05, shade),
        Tube(hoof, np.array((1.0, 1.28)) * radii[-1], Role.HOOF, 0.008, shade),
    ]


def _cows_own(carriage: _Carriage, stance: Stance, rng: Random) -> list[Tube]:
    """Horns or none, an udder, the loose skin below the neck, a thin tail with a tuft."""
    poll_x, poll_y = 0.755, 1.10
    parts = [
        Tube(
            np.array(((0.62, 0.72, 0), (0.57, 0.55, 0), (0.50, 0.44, 0))),
            np.array((0.07, 0.075, 0.06)),
            Role.HIDE,
            0.08,
            flat=0.4,
        )
    ]
    if rng.random() < 0.75:
        out, up, forward = rng.uniform(0.12, 0.22), rng.uniform(0.03, 0.16), rng.uniform(-0.03, 0.1)
        for side in (-1, 1):
            root = (poll_x, poll_y - 0.015, side * 0.06)
            bent = (poll_x + 0.4 * forward, poll_y + 0.25 * up, side * (0.06 + 0.8 * out))
            tip = (poll_x + forward, poll_y + up, side * (0.06 + out))
            parts.append(carriage.part((root, bent, tip), (0.03, 0.025, 0.008), Role.HORN))
    if rng.random() < 0.8:
        full = rng.uniform(0.08, 0.125)
        bag = np.array(((-0.39, 0.47, 0.0), (-0.33, 0.45 - 0.25 * full, 0.0), (-0.26, 0.46, 0.0)))
        parts.append(Tube(bag, np.array((0.8, 1.0, 0.75)) * full, Role.SKIN, 0.05))
        for x, z in ((-0.37, 0.04), (-0.29, 0.04), (-0.35, -0.04)):
            teat = np.array(((x, 0.45 - full, z), (x, 0.45 - full - 0.065, z)))
            parts.append(Tube(teat, np.array((0.019, 0.013)), Role.SKIN, 0.02))
    sway = 0.10 * stance.tail
    tail = np.array(
        (
            (-0.60, 0.945, 0),
            (-0.665, 0.86, 0.2 * sway),
            (-0.675 - 0.2 * abs(sway), 0.6, 0.6 * sway),
            (-0.67 - abs(sway), 0.38, sway),
        )
    )
    tuft = np.array((tail[-1], tail[-1] + (0, -0.09, 0), tail[-1] + (0.01, -0.19, 0)))
    parts.append(Tube(tail, np.array((0.045, 0.028, 0.019, 0.02)), Role.HIDE, 0.02))
    return [*parts, Tube(tuft, np.array((0.02, 0.042, 0.012)), Role.HAIR, 0.01)]


def _horses_own(carriage: _Carriage, stance: Stance, rng: Random) -> list[Tube]:
    """Mane, forelock and a full tail."""
    parts = []
    crest = ((0.30, 1.035), (0.355, 1.095), (0.43, 1.20), (0.505, 1.315), (0.575, 1.395), (0.615, 1.42))
    side = 1 if rng.random() < 0.7 else -1
    long = rng.uniform(0.10, 0.2)
    rows = np.linspace(0, 1, 15)
    xs, ys = (np.interp(rows, np.linspace(0, 1, len(crest)), [point[axis] for point in crest]) for axis in (0, 1))
    for x, y in zip(xs, ys, strict=True):
        hang = long * rng.uniform(0.75, 1.2)
        # Locks follow the neck's side outwards and then hang down.
        knots = (
            (x, y, 0.0),
            (x - 0.012, y - 0.3 * hang, side * 0.085),
            (x - 0.02 + rng.normal(0, 0.01), y - hang, side * 0.11),
        )
        parts.append(carriage.part(knots, (0.026, 0.032, 0.01), Role.HAIR, on_neck=True))
    parts.append(
        carriage.part(((0.62, 1.42, 0.0), (0.685, 1.385, 0.02), (0.725, 1.32, 0.04)), (0.03, 0.028, 0.008), Role.HAIR)
    )
    sway, lift = 0.09 * stance.tail, rng.uniform(0, 0.07)
    end = rng.uniform(0.18, 0.36)
    tail = np.array(
        (
            (-0.455, 0.90, 0),
            (-0.52, 0.90 + 0.3 * lift, 0),
            (-0.575 - lift, 0.76, 0.3 * sway),
            (-0.58 - lift, 0.55, 0.7 * sway),
            (-0.56 - 0.5 * lift, end, sway),
        )
    )
    return [*parts, Tube(tail, np.array((0.035, 0.045, 0.062, 0.07, 0.018)), Role.HAIR, 0.02)]
