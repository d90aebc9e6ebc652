"""Crowd scenes with labelled faces: people of all sizes, back to front, before a background, through one camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.render.backgrounds import background
from training.render.camera import photograph, random_camera
from training.render.canvas import Points
from training.render.faces import Edges, PaintedFace, Place, paint_person
from training.render.head import Light
from training.render.identity import identity
from training.render.look import LABELS, MaskState, random_look
from training.render.materials import Field, Random

_STATES: tuple[MaskState | None, ...] = (None, "on", "under_nose", "chin")
_SHARES = (0.4, 0.4, 0.1, 0.1)
_EMPTY = 0.1
"""Share of pictures without a face."""
_SMALLEST, _LARGEST = 24.0, 200.0
_SEEN_BADLY_WORN = 30.0
"""Smallest face, in pixels, on which a mask on the chin differs visibly from none or a good one."""
_HIDDEN, _HARD = 0.6, 0.4
"""Hidden shares of a face from which on it has no label, or is marked difficult."""
_LEAST_SEEN = 4.0
"""Least width and height of a box in pixels."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A painted face and its label."""

    face: PaintedFace
    label: str


def random_light(rng: Random) -> Light:
    """The light of one scene: overcast days, lamps, light from a window."""
    return Light(
        across=float(rng.uniform(-0.9, 0.9)),
        above=float(rng.uniform(0.1, 0.9)),
        contrast=float(rng.beta(2, 2.2)),
        brightness=float(rng.uniform(0.85, 1.08)),
    )


def render_scene(seed: int, width: int, height: int) -> tuple[NDArray[np.uint8], tuple[LabelledBox, ...]]:
    """The scene of a seed: the same pixels and boxes on every call and in every process.

    Args:
        seed: 0 or more.
        width: in pixels.
        height: in pixels.

    Returns:
        uint8 height x width x 3, red, green and blue; and the faces with the labels without_mask, with_mask and
        mask_weared_incorrect. A box is the outline of the face cut to the picture; a face that others or the edge hide
        by more than 60 % has none, one hidden by more than 40 %, or whose lower half is hidden by more than 60 %, is
        `difficult`.
    """
    rng = np.random.default_rng((seed, 0x5CE))
    canvas = background(rng, height, width)
    light = random_light(rng)
    seen = [] if rng.random() < _EMPTY else _crowd(rng, canvas, light)
    labelled = tuple(box for box in labelled_faces(seen, width, height) if box is not None)
    return photograph(canvas, random_camera(rng), rng), labelled


def _crowd(rng: Random, canvas: Field, light: Light) -> list[Seen]:
    """Paint one to six people, the smallest (farthest) first."""
    height, width = canvas.shape[:2]
    crowd = _places(rng, width, height)
    blur = rng.uniform(0, 1.3) if rng.random() < 0.5 else 0.0
    focus = crowd[int(rng.integers(len(crowd)))].size
    seen = []
    for place in crowd:
        state = _STATES[int(rng.choice(4, p=_SHARES))]
        if LABELS[state] == "mask_weared_incorrect" and place.size < _SEEN_BADLY_WORN:
            state = "on" if rng.random() < 0.5 else None
        person = identity(int(rng.integers(1 << 31)))
        look = random_look(rng, state)
        # Out of focus by the difference of the inverse distances, which sizes are.
        unsharp = blur * abs(np.log2(place.size / focus)) * place.size / 100
        face = paint_person(canvas, person, look, place, light, blur=float(unsharp))
        seen.append(Seen(face, LABELS[state]))
    return seen


def _places(rng: Random, width: int, height: int) -> list[Place]:
    """Where one to six faces are, the smallest first; most do not touch each other."""
    largest = min(_LARGEST, 0.62 * min(width, height))
    smallest = min(_SMALLEST, 0.4 * largest)
    count = int(rng.choice((1, 2, 3, 4, 5, 6), p=(0.2, 0.25, 0.2, 0.15, 0.12, 0.08)))
    # Many small faces or few large ones: sizes spread around one of the picture's own.
    typical = np.exp(rng.uniform(np.log(smallest * 1.3), np.log(largest)))
    sizes = np.sort(np.clip(typical * np.exp(rng.normal(0, 0.4, count)), smallest, largest))
    places: list[Place] = []
    for size in sizes:
        for _ in range(12):
            x, y = rng.uniform(0.2 * size, width - 0.2 * size), rng.uniform(0.4 * size, height - 0.35 * size)
            # Touching faces are allowed one time in six: crowds overlap.
            if rng.random() < 0.16 or all(_apart(x, y, size, other) for other in places):
                places.append(Place(float(x), float(y), float(size)))
                break
    return places or [Place(width / 2, height / 2, float(sizes[0]))]


def _apart(x: float, y: float, size: float, other: Place) -> bool:
    """Whether a nearer face leaves a farther one visible: its body hides what is below it."""
    reach = 0.42 * (size + other.size)
    beside = abs(x - other.x) > max(reach, 0.85 * size)
    above = other.y < y - reach
    return beside or above


def labelled_faces(seen: Sequence[Seen], width: int, height: int) -> list[LabelledBox | None]:
    """The box of each painted face, in the order of painting; None for those that later ones or the edge hide."""
    boxes: list[LabelledBox | None] = []
    covered = np.zeros((height, width), np.uint8)
    for one in reversed(seen):
        outline = one.face.outline
        middle = (one.face.box[1] + one.face.box[3]) / 2
        lower_half = np.stack((outline[:, 0], np.maximum(outline[:, 1], middle)), axis=1)
        hidden = _hidden_share(outline, covered)
        # What cannot be told, because mouth and nose are hidden, is not asked.
        hard = hidden > _HARD or _hidden_share(lower_half, covered) > _HIDDEN
        _cover(covered, one.face)
        edges = _cut(one.face.box, width, height)
        visible = hidden <= _HIDDEN and edges[2] - edges[0] >= _LEAST_SEEN and edges[3] - edges[1] >= _LEAST_SEEN
        boxes.append(LabelledBox(one.label, edges, difficult=hard) if visible else None)
    return boxes[::-1]


def _cover(covered: NDArray[np.uint8], face: PaintedFace) -> None:
    """Mark what a person hides: head with hair, shoulders and body."""
    left, top, right, bottom = face.box
    size = bottom - top
    middle, y = (left + right) / 2, (top + bottom) / 2
    body = np.array(((-0.2, 0.55), (0.2, 0.55), (0.8, 0.9), (0.9, 5.5), (-0.9, 5.5), (-0.8, 0.9))) * size + (middle, y)
    for polygon in (face.outline, body):
        cv2.fillPoly(covered, [np.round(polygon).astype(np.int32)], 1)


def _hidden_share(outline: Points, covered: NDArray[np.uint8]) -> float:
    """Share of a face that lies outside the picture or under what is marked."""
    low = np.floor(outline.min(axis=0)).astype(int)
    size = np.ceil(outline.max(axis=0)).astype(int) - low + 1
    face = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(face, [np.round(outline - low).astype(np.int32)], 1)
    left, top = max(0, -low[0]), max(0, -low[1])
    inside = covered[max(0, low[1]) : max(0, low[1] + size[1]), max(0, low[0]) : max(0, low[0] + size[0])]
    seen = face[top : top + inside.shape[0], left : left + inside.shape[1]]
    return 1 - float((seen * (1 - inside)).sum()) / max(1, int(face.sum()))


def _cut(box: Edges, width: int, height: int) -> Edges:
    return max(0.0, box[0]), max(0.0, box[1]), min(float(width), box[2]), min(float(height), box[3])
