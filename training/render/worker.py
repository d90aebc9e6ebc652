"""Who works on a building site: pose, clothes, hard hat, tool. All of it is drawn by `training.render.workers`."""

from dataclasses import dataclass

import numpy as np

from training.render.hats import HELMETS
from training.render.identity import SKIN_TONES
from training.render.materials import Colour, Random, colour

_VESTS = (colour(0.97, 0.42, 0.08), colour(0.80, 0.92, 0.12), colour(0.93, 0.25, 0.12))


@dataclass(frozen=True, slots=True)
class Arm:
    """Angles of an arm in radians: raised forwards, spread sideways, bent at the elbow."""

    lift: float
    spread: float
    bend: float


@dataclass(frozen=True, slots=True)
class Pose:
    """How a worker holds the body; angles in radians.

    Attributes:
        lean: of the trunk, forwards.
        legs: swing forwards and bend of the knee of the left and the right leg.
        arms: left and right.
        turn: of the head, towards the right.
        nod: of the head, down.
    """

    lean: float
    legs: tuple[tuple[float, float], tuple[float, float]]
    arms: tuple[Arm, Arm]
    turn: float
    nod: float


@dataclass(frozen=True, slots=True)
class Worker:
    """A person: pose, colours, and what is worn; `tool` is "" for empty hands."""

    pose: Pose
    skin: Colour
    hair: Colour
    helmet: Colour | None
    vest: Colour | None
    shirt: Colour
    trousers: Colour
    tool: str
    broad: float
    phase: int


def random_worker(rng: Random, *, helmet: bool) -> Worker:
    """Somebody at work, or watching others; with or without a hard hat."""
    dull = np.asarray(rng.uniform(0.08, 0.55) * (1 + rng.normal(0, 0.16, 3)), np.float32)
    jeans = colour(0.16, 0.21, 0.32) * np.float32(rng.uniform(0.6, 1.5))
    return Worker(
        pose=_random_pose(rng),
        skin=SKIN_TONES[int(rng.integers(len(SKIN_TONES)))] * np.float32(rng.uniform(0.92, 1.04)),
        hair=colour(0.14, 0.10, 0.07) * np.float32(rng.uniform(0.5, 3.2)),
        helmet=HELMETS[int(rng.integers(len(HELMETS)))] if helmet else None,
        vest=_VESTS[int(rng.choice(3, p=(0.5, 0.4, 0.1)))] if rng.random() < 0.62 else None,
        shirt=np.asarray(np.clip(rng.uniform(0.1, 0.8, 3) * rng.uniform(0.5, 1.0), 0, 1), np.float32),
        trousers=jeans if rng.random() < 0.5 else np.clip(dull, 0.03, 0.8),
        tool=str(rng.choice(("", "plank", "shovel"), p=(0.7, 0.14, 0.16))),
        broad=float(rng.uniform(0.92, 1.12)),
        phase=int(rng.integers(1 << 30)),
    )


def _random_pose(rng: Random) -> Pose:
    walking = rng.random() < 0.4
    stride = rng.normal(0, 0.35) if walking else rng.normal(0, 0.06)
    bending = rng.random() < 0.2
    knees = (max(0.0, -stride) * 0.9 + 0.04, max(0.0, stride) * 0.9 + 0.04)
    return Pose(
        lean=float(rng.uniform(0.35, 0.95) if bending else rng.normal(0.04, 0.05)),
        legs=((float(stride), float(knees[0])), (float(-stride), float(knees[1]))),
        arms=(_random_arm(rng), _random_arm(rng)),
        turn=float(np.clip(rng.normal(0, 0.4), -1.0, 1.0)),
        nod=float(rng.normal(0.08, 0.12) - (0.3 if bending else 0.0)),
    )


def _random_arm(rng: Random) -> Arm:
    """Hanging, working before the body, carrying, pointing, raised, or with the hand on the hip."""
    poses = (
        (0.1, 0.14, 0.25),
        (0.7, 0.12, 0.9),
        (0.35, 0.1, 1.3),
        (1.45, 0.15, 0.15),
        (2.5, 0.2, 0.4),
        (-0.45, 0.6, 1.1),
    )
    lift, spread, bend = poses[int(rng.choice(6, p=(0.4, 0.22, 0.16, 0.08, 0.05, 0.09)))]
    jitter = rng.normal(0, 0.12, 3)
    return Arm(float(lift + jitter[0]), float(max(0.05, spread + 0.4 * jitter[1])), float(max(0.05, bend + jitter[2])))
