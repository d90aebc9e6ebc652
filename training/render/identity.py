"""Who a rendered person is: the parameters of geometry and albedo that stay the same in every picture of them.

Lengths are shares of the height of the face (crown to chin = 1); x goes right and y down from the middle of the face.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.render.materials import Colour, Random, colour

SKIN_TONES = (
    colour(0.96, 0.83, 0.74),
    colour(0.93, 0.76, 0.63),
    colour(0.87, 0.68, 0.52),
    colour(0.79, 0.59, 0.43),
    colour(0.67, 0.47, 0.33),
    colour(0.53, 0.36, 0.25),
    colour(0.44, 0.30, 0.22),
    colour(0.36, 0.25, 0.19),
)
"""Albedo of the skin from the palest to the darkest; `Identity.tone` counts them."""

_DARK_HAIR = (colour(0.07, 0.06, 0.05), colour(0.13, 0.09, 0.06), colour(0.22, 0.14, 0.08))
_LIGHT_HAIR = (colour(0.42, 0.28, 0.15), colour(0.68, 0.52, 0.30), colour(0.45, 0.18, 0.08))
_GREY_HAIR = (colour(0.48, 0.47, 0.46), colour(0.74, 0.73, 0.71))
_IRISES = (colour(0.24, 0.14, 0.08), colour(0.16, 0.10, 0.07), colour(0.26, 0.36, 0.48), colour(0.28, 0.37, 0.24))

HairStyle = Literal["bald", "cropped", "short", "parted", "fringe", "bob", "long", "curly", "tied"]
Beard = Literal["none", "stubble", "moustache", "goatee", "full"]
Glasses = Literal["none", "thin", "round", "thick", "sun"]


@dataclass(frozen=True, slots=True)
class Identity:
    """One person. `tone` is the index of the skin in `SKIN_TONES`; angles are in radians."""

    tone: int
    skin: Colour
    hair: Colour
    iris: Colour
    face_width: float
    jaw: float
    cheekbones: float
    depth: float
    eye_apart: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_lift: float
    brow_thickness: float
    brow_arch: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    lip: float
    hairline: float
    neck: float
    age: float
    freckles: float
    mole: tuple[float, float] | None
    hair_style: HairStyle
    beard: Beard
    glasses: Glasses
    texture: int


def identity(seed: int) -> Identity:
    """The person of a seed: the same on every call and in every process."""
    rng = np.random.default_rng((seed, 0xFACE))
    tone = int(rng.integers(len(SKIN_TONES)))
    age = float(rng.beta(1.6, 2.4))
    masculine = rng.random() < 0.5
    eye_y = rng.uniform(-0.085, -0.02)
    nose_length = rng.uniform(0.215, 0.27)
    return Identity(
        tone=tone,
        skin=SKIN_TONES[tone] * (1 + rng.normal(0, 0.025, 3).astype(np.float32)),
        hair=_hair_colour(rng, tone, age),
        iris=_IRISES[int(rng.integers(2 if tone > 3 else 4))] * np.float32(rng.uniform(0.8, 1.2)),
        face_width=rng.uniform(0.68, 0.80),
        jaw=rng.uniform(0.62, 0.95) if masculine else rng.uniform(0.5, 0.8),
        cheekbones=rng.uniform(0.3, 1.0),
        depth=rng.uniform(0.95, 1.15),
        eye_apart=rng.uniform(0.160, 0.190),
        eye_y=eye_y,
        eye_width=rng.uniform(0.078, 0.094),
        eye_height=rng.uniform(0.028, 0.041),
        eye_tilt=rng.uniform(-0.08, 0.16),
        brow_lift=rng.uniform(0.075, 0.105),
        brow_thickness=rng.uniform(0.018, 0.032) if masculine else rng.uniform(0.012, 0.022),
        brow_arch=rng.uniform(-0.01, 0.025),
        nose_length=nose_length,
        nose_width=rng.uniform(0.075, 0.115),
        nose_height=rng.uniform(0.09, 0.15),
        mouth_y=eye_y + nose_length + rng.uniform(0.105, 0.135),
        mouth_width=rng.uniform(0.125, 0.165),
        lip=rng.uniform(0.018, 0.032) + (0.008 if tone > 4 else 0),
        hairline=rng.uniform(-0.42, -0.34),
        neck=rng.uniform(0.20, 0.24) if masculine else rng.uniform(0.165, 0.2),
        age=age,
        freckles=rng.uniform(0.3, 1) if tone < 3 and rng.random() < 0.2 else 0.0,
        mole=(rng.uniform(-0.22, 0.22), rng.uniform(-0.3, 0.36)) if rng.random() < 0.25 else None,
        hair_style=_hair_style(rng, masculine, age),
        beard=str(rng.choice(BEARDS, p=(0.45, 0.2, 0.1, 0.1, 0.15))) if masculine else "none",  # type: ignore[arg-type]
        glasses=str(rng.choice(GLASSES, p=(0.72, 0.1, 0.06, 0.07, 0.05))),  # type: ignore[arg-type]
        texture=int(rng.integers(1 << 31)),
    )


BEARDS: tuple[Beard, ...] = ("none", "stubble", "moustache", "goatee", "full")
GLASSES: tuple[Glasses, ...] = ("none", "thin", "round", "thick", "sun")


def _hair_colour(rng: Random, tone: int, age: float) -> Colour:
    palette = _GREY_HAIR if age > 0.62 and rng.random() < 0.7 else _DARK_HAIR
    if palette is _DARK_HAIR and rng.random() < (0.65 if tone < 3 else 0.08):
        palette = _LIGHT_HAIR
    return palette[int(rng.integers(len(palette)))] * np.float32(rng.uniform(0.85, 1.2))


def _hair_style(rng: Random, masculine: bool, age: float) -> HairStyle:
    if masculine:
        styles: tuple[HairStyle, ...] = ("cropped", "short", "parted", "fringe", "curly", "bald")
        return "bald" if age > 0.5 and rng.random() < 0.25 else styles[int(rng.integers(6 if age > 0.35 else 5))]
    women: tuple[HairStyle, ...] = ("long", "bob", "fringe", "tied", "curly", "long", "parted")
    return women[int(rng.integers(len(women)))]
