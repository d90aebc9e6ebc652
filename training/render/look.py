"""How a person looks in one picture: what they wear, where they turn, what their face does."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.render.materials import Random

MaskState = Literal["on", "under_nose", "chin"]
Hat = Literal["beanie", "cap", "headscarf", "helmet"]
Occluder = Literal["hand", "phone", "cup"]

LABELS: dict[MaskState | None, str] = {
    None: "without_mask",
    "on": "with_mask",
    "under_nose": "mask_weared_incorrect",
    "chin": "mask_weared_incorrect",
}
"""The label of a face by the state of its mask, spelt as in the public data set."""


@dataclass(frozen=True, slots=True)
class Look:
    """One appearance of a person. Without arguments: frontal, bare-headed, without a mask, at ease.

    Attributes:
        mask: how a mask is worn; None: no mask.
        hat: what covers the head.
        occluder: what is held in front of the lower face.
        yaw, pitch: radians; positive turns to the right of the picture, and down.
        roll: radians, clockwise in the picture.
        smile: -0.4 .. 1.
        mouth_open: 0 .. 1.
        eyes_open: 0.15 .. 1.1.
        gaze: -1 (left) .. 1 (right).
        wear: chooses colours and cuts of mask, hat, clothes and occluder.
    """

    mask: MaskState | None = None
    hat: Hat | None = None
    occluder: Occluder | None = None
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    smile: float = 0.2
    mouth_open: float = 0.0
    eyes_open: float = 1.0
    gaze: float = 0.0
    wear: int = 0


def random_look(rng: Random, mask: MaskState | None = None) -> Look:
    """An everyday look: mostly towards the camera, some turned far, a few tilted."""
    hats: tuple[Hat, ...] = ("beanie", "cap", "headscarf", "helmet")
    props: tuple[Occluder, ...] = ("hand", "phone", "cup")
    # In front of a badly worn mask a hand would hide how it is worn.
    held = mask in (None, "on") and rng.random() < 0.08
    return Look(
        mask=mask,
        hat=hats[int(rng.choice(4, p=(0.35, 0.35, 0.22, 0.08)))] if rng.random() < 0.16 else None,
        occluder=props[int(rng.integers(3))] if held else None,
        yaw=float(np.clip(rng.normal(0, 0.32), -0.85, 0.85)),
        pitch=float(np.clip(rng.normal(0.02, 0.1), -0.25, 0.3)),
        roll=float(np.clip(rng.normal(0, 0.1), -0.45, 0.45)),
        smile=float(rng.uniform(-0.3, 1)),
        mouth_open=float(max(0, rng.normal(-0.35, 0.55))),
        eyes_open=float(rng.uniform(0.75, 1.1)) if rng.random() < 0.94 else 0.2,
        gaze=float(np.clip(rng.normal(0, 0.3), -1, 1)),
        wear=int(rng.integers(1 << 31)),
    )
