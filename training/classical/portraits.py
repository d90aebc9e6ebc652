"""Rendered portraits with known attributes: faces for measuring classical detectors where no photographs are at hand.

Their size is that of CelebA's aligned pictures, and so is the file of attributes, so that the same commands read both.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from training.render.faces import RenderedFace, render_face
from training.render.identity import SKIN_TONES, Identity, identity
from training.render.look import Look, random_look

WIDTH, HEIGHT = 178, 218
"""Of CelebA's aligned pictures."""

ATTRIBUTES_FILE = "attributes.csv"


def attributes_of(person: Identity, look: Look) -> dict[str, bool]:
    """What is true of a portrait, by CelebA's names where it has them."""
    return {
        "Dark_Skin": person.tone >= len(SKIN_TONES) // 2,
        "Eyeglasses": person.glasses != "none",
        "Beard": person.beard in ("goatee", "full"),
        "Bald": person.hair_style == "bald",
        "Bangs": person.hair_style == "fringe",
        "Wearing_Hat": look.hat is not None,
        "Wearing_Mask": look.mask is not None,
        "Turned": abs(look.yaw) > 0.5,
        "Tilted": abs(look.roll) > 0.2,
        "Smiling": look.smile > 0.5,
    }


def portrait(seed: int) -> tuple[RenderedFace, dict[str, bool]]:
    """A person of everyday looks and what is true of them: uint8 HEIGHT x WIDTH x 3 pixels, red, green and blue."""
    rng = np.random.default_rng((seed, 0xCE1E))
    person = identity(int(rng.integers(1 << 31)))
    look = random_look(rng, "on" if rng.random() < 0.15 else None)
    face = render_face(person, look, HEIGHT, seed=seed, face=float(rng.uniform(0.5, 0.66)))
    left = (HEIGHT - WIDTH) // 2
    moved = (face.box[0] - left, face.box[1], face.box[2] - left, face.box[3])
    shown = np.ascontiguousarray(face.pixels[:, left : left + WIDTH])
    return replace(face, pixels=shown, box=moved, landmarks=face.landmarks - (left, 0)), attributes_of(person, look)


def write_portraits(folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Write portraits as `NNNNNN.png` and what is true of them as `attributes.csv`; yields each picture's file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    for number in range(count):
        face, attributes = portrait(seed + number)
        file = folder / f"{number:06d}.png"
        cv2.imwrite(str(file), face.pixels[..., ::-1])
        if not rows:
            rows.append(",".join(("image_id", *attributes)))
        rows.append(",".join((file.name, *("1" if true else "-1" for true in attributes.values()))))
        yield file
    (folder / ATTRIBUTES_FILE).write_text("\n".join(rows) + "\n", encoding="utf-8")
