"""The coats of cows and horses: colours, patches and markings, chosen without regard to the body that wears them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.materials import Colour, Field, Random, colour
from training.render.quadruped_plans import Kind, Role
from training.render.quadrupeds import Quadruped
from training.render.solids import Points3, noise3


@dataclass(frozen=True, slots=True)
class Coat:
    """How an animal is coloured.

    Attributes:
        base: of the hide.
        patch: of the patches.
        patched: share of the hide that patches cover.
        points: of lower legs and muzzle rim, None: as the hide.
        hair: of mane and tail.
        skin: of muzzle and udder.
        blaze: whether the forehead is white.
        socks: height up to which legs are white, 0: none.
        dapple: how much lighter spots there are.
        phase: chooses the patches.
    """

    base: Colour
    patch: Colour
    patched: float
    points: Colour | None
    hair: Colour
    skin: Colour
    blaze: bool
    socks: float
    dapple: float
    phase: int


_WHITE, _CREAM = colour(0.93, 0.91, 0.86), colour(0.86, 0.76, 0.58)
_BLACK, _BROWN, _RED = colour(0.115, 0.105, 0.10), colour(0.30, 0.17, 0.09), colour(0.50, 0.21, 0.085)
_FAWN, _GREY = colour(0.66, 0.44, 0.25), colour(0.56, 0.52, 0.47)
_BAY, _LIVER, _CHESTNUT = colour(0.36, 0.175, 0.08), colour(0.22, 0.11, 0.065), colour(0.52, 0.25, 0.10)
_PALOMINO, _SILVER = colour(0.78, 0.58, 0.29), colour(0.72, 0.71, 0.69)
_PINK, _SLATE = colour(0.80, 0.57, 0.52), colour(0.20, 0.17, 0.16)

# What a breed has: base, patches, points, hair; and its shares at home and in the shifted domain.
_COWS: tuple[tuple[Colour, Colour | None, Colour | None, Colour, float, float], ...] = (
    (_WHITE, _BLACK, None, _WHITE, 0.42, 0.12),
    (_WHITE, _RED, None, _WHITE, 0.24, 0.12),
    (_FAWN, None, _BROWN, _BROWN, 0.12, 0.18),
    (_RED, None, None, _CREAM, 0.10, 0.15),
    (_BLACK, None, None, _BLACK, 0.06, 0.20),
    (_CREAM, None, None, _CREAM, 0.06, 0.15),
    (_GREY, None, _BROWN, _BROWN, 0.06, 0.10),
)
_HORSES: tuple[tuple[Colour, Colour | None, Colour | None, Colour, float, float], ...] = (
    (_BAY, None, _BLACK, _BLACK, 0.34, 0.12),
    (_LIVER, None, _BLACK, _BLACK, 0.18, 0.10),
    (_CHESTNUT, None, None, _CHESTNUT * np.float32(0.8), 0.20, 0.14),
    (_BLACK, None, None, _BLACK, 0.10, 0.16),
    (_SILVER, None, _SLATE, _GREY, 0.07, 0.18),
    (_PALOMINO, None, None, _WHITE, 0.06, 0.16),
    (_WHITE, _CHESTNUT, None, _CREAM, 0.05, 0.14),
)


def random_coat(rng: Random, kind: Kind, *, shifted: bool = False) -> Coat:
    """A coat that the kind has; in the shifted domain its rarer ones are frequent."""
    breeds = _COWS if kind == "cow" else _HORSES
    shares = np.array([breed[5 if shifted else 4] for breed in breeds])
    base, patch, points, hair, *_ = breeds[int(rng.choice(len(breeds), p=shares / shares.sum()))]
    tint = rng.uniform(0.82, 1.16) * (1 + rng.normal(0, 0.03, 3))
    dark = float(base.mean()) < 0.6
    return Coat(
        base=np.asarray(np.clip(base * tint, 0, 0.97), np.float32),
        patch=np.asarray((base if patch is None else patch) * np.float32(rng.uniform(0.85, 1.2)), np.float32),
        patched=0.0 if patch is None else float(rng.uniform(0.25, 0.68)),
        points=points,
        hair=np.asarray(hair * np.float32(rng.uniform(0.8, 1.15)), np.float32),
        skin=_PINK if kind == "cow" and rng.random() < 0.65 else _SLATE,
        blaze=dark and rng.random() < 0.35,
        socks=float(rng.uniform(0.12, 0.3)) if dark and kind == "horse" and rng.random() < 0.35 else 0.0,
        dapple=float(rng.uniform(0.05, 0.14)) if base is _SILVER or rng.random() < 0.1 else 0.0,
        phase=int(rng.integers(1 << 30)),
    )


def colours_of(coat: Coat, animal: Quadruped, points: Points3, roles: NDArray[np.int8]) -> Field:
    """The colours of n points of an animal.

    Args:
        coat: what it wears.
        animal: the body.
        points: 3 x n, in body coordinates.
        roles: n, of each point.

    Returns:
        n x 3, 0..1.
    """
    hide = _hide(coat, points)
    height = points[1]
    leg, face = roles == Role.LEG, roles == Role.FACE
    if coat.points is not None:
        dark = _fade(height - 0.36, 0.05) * leg + 0.6 * _near(points, animal.nose, 0.16) * face
        hide = _mix(hide, coat.points, dark)
    if coat.socks > 0:
        rim = coat.socks + 0.02 * noise3(points, 9, coat.phase + 3)
        hide = _mix(hide, _WHITE, _fade(height - rim, 0.012) * leg)
    if coat.blaze:
        hide = _mix(hide, _WHITE, _near(points, animal.brow + np.array((0.09, 0.03, 0)), 0.09) * face)
    hide = _mix(hide, coat.skin, _near(points, animal.nose, 0.095) * face)
    for role, tint in (
        (Role.HOOF, colour(0.17, 0.14, 0.12)),
        (Role.HORN, colour(0.80, 0.74, 0.62)),
        (Role.SKIN, _PINK if coat.skin is _PINK else coat.skin * 1.6 + 0.12),
        (Role.EYE, colour(0.03, 0.025, 0.02)),
    ):
        hide[roles == role] = tint
    strands = roles == Role.HAIR
    if strands.any():
        fine = 1 + 0.22 * noise3(points[:, strands] * np.array(((1,), (0.25,), (1,)), np.float32), 55, coat.phase + 4)
        hide[strands] = coat.hair * fine[:, None]
    return np.asarray(np.clip(hide, 0.01, 1), np.float32)


def _hide(coat: Coat, points: Points3) -> Field:
    """Base and patches, lighter below than above, with the fine unevenness of hair."""
    fur = 1 + 0.05 * noise3(points, 26, coat.phase) + 0.05 * noise3(points, 6, coat.phase + 1)
    belly = 0.93 + 0.12 * np.clip((0.75 - points[1]) * 2, -0.5, 1)
    hide = np.broadcast_to(coat.base, (points.shape[1], 3))
    if coat.dapple > 0:
        hide = hide * (1 + coat.dapple * np.clip(noise3(points, 13, coat.phase + 5), -1.2, 1.2))[:, None]
    if coat.patched > 0:
        field = noise3(points, 3.1, coat.phase + 2) + 0.22 * noise3(points, 11, coat.phase + 6)
        # Normally distributed with this deviation: the threshold leaves the share that is asked for.
        threshold = 0.8 * float(np.sqrt(2)) * _quantile(coat.patched)
        hide = _mix(hide, coat.patch, np.clip((threshold - field) / 0.12 + 0.5, 0, 1))
    return np.asarray(hide * (fur * belly)[:, None], np.float32)


def _quantile(share: float) -> float:
    """About the inverse error function at 2 share - 1."""
    u = 2 * share - 1
    log = np.log(1 - u * u)
    half = 4.3307 + log / 2
    return float(np.sign(u) * np.sqrt(max(np.sqrt(half**2 - log / 0.147) - half, 0.0)))


def _fade(value: Field, width: float) -> Field:
    """1 far below zero, 0 far above."""
    return np.asarray(np.clip(0.5 - value / (2 * width), 0, 1), np.float32)


def _near(points: Points3, centre: NDArray[np.float64], radius: float) -> Field:
    squares = ((points - np.asarray(centre, np.float32)[:, None]) ** 2).sum(axis=0)
    return np.asarray(np.exp(-((squares / np.float32(radius**2)) ** 2)), np.float32)


def _mix(first: Field, second: Colour, share: Field) -> Field:
    return np.asarray(first + (second - first) * share[:, None], np.float32)
