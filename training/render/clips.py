"""Short videos of known people, for tracking and for alerts: one background, light and camera; people move."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.data.annotations import LabelledBox
from training.render.backgrounds import background
from training.render.camera import Camera, photograph
from training.render.faces import Place, paint_person
from training.render.identity import Identity, identity
from training.render.look import LABELS, Look, MaskState
from training.render.materials import Random
from training.render.scenes import Seen, labelled_faces, random_light

Frame = tuple[NDArray[np.uint8], list[tuple[int, LabelledBox]]]
"""Pixels, uint8 height x width x 3 (red, green and blue), and the number of a person with their box, for all seen."""

CLIP_FRAMES = 90


@dataclass(frozen=True, slots=True)
class Actor:
    """One person of a clip, who goes from one place to another in a straight line, nodding a little.

    Attributes:
        person: who.
        look: at the first frame.
        start, end: x and y of the middle of the face at the first and last frame, as shares of width and height.
        size: height of the face as a share of the picture's height.
        swing: phase of the steps in radians.
        masks: from which frame on the mask is worn how; frames ascend.
    """

    person: Identity
    look: Look
    start: tuple[float, float]
    end: tuple[float, float]
    size: float
    swing: float
    masks: Sequence[tuple[int, MaskState | None]]

    def mask_at(self, frame: int) -> MaskState | None:
        """How the mask is worn at a frame."""
        return [mask for since, mask in self.masks if since <= frame][-1]

    def look_at(self, frame: int) -> Look:
        """The look at a frame: the head sways with the steps."""
        sway = np.sin(0.19 * frame + self.swing)
        return replace(self.look, mask=self.mask_at(frame), roll=0.05 * sway, yaw=self.look.yaw + 0.06 * sway)

    def place_at(self, share: float, frame: int, size: tuple[int, int]) -> Place:
        """Where the face is after a share, 0..1, of the clip, in a picture of that width and height."""
        width, height = size
        x = self.start[0] + (self.end[0] - self.start[0]) * share
        y = self.start[1] + (self.end[1] - self.start[1]) * share + 0.008 * np.sin(0.45 * frame + self.swing)
        return Place(x * width, float(y) * height, self.size * height)


def crossing(seed: int, *, width: int = 640, height: int = 360, frames: int = CLIP_FRAMES) -> Iterator[Frame]:
    """Two people who walk past each other; on the way the nearer one hides a part of the farther one's face.

    Person 0 is farther away, wears no mask and walks to the right; person 1 is nearer, wears one and walks to the left.
    A face that is hidden by more than 60 % has no box in that frame.

    Args:
        seed: of people, background, light and noise.
        width: in pixels.
        height: in pixels.
        frames: length of the clip.
    """
    rng = np.random.default_rng((seed, 0xC705))
    actors = (
        _walker(rng, ((0.12, 0.33), (0.88, 0.33)), 0.26, ((0, None),)),
        _walker(rng, ((0.88, 0.52), (0.12, 0.52)), 0.30, ((0, "on"),)),
    )
    return _film(rng, actors, (width, height), frames)


def mask_removed(
    seed: int, *, removed: int = 40, worn_again: int | None = None, size: tuple[int, int] = (640, 360),
    frames: int = CLIP_FRAMES,
) -> Iterator[Frame]:  # fmt: skip
    """Three people with masks who move about; person 1 takes the mask off.

    Args:
        seed: of people, background, light and noise.
        removed: first frame in which person 1 wears no mask.
        worn_again: first frame in which the mask is on again; None: it stays off.
        size: width and height in pixels.
        frames: length of the clip.
    """
    rng = np.random.default_rng((seed, 0x3A5C))
    states: list[tuple[int, MaskState | None]] = [(0, "on"), (removed, None)]
    if worn_again is not None:
        states.append((worn_again, "on"))
    actors = (
        _walker(rng, ((0.14, 0.34), (0.26, 0.38)), 0.26, ((0, "on"),)),
        _walker(rng, ((0.46, 0.42), (0.56, 0.36)), 0.29, states),
        _walker(rng, ((0.86, 0.36), (0.78, 0.42)), 0.27, ((0, "on"),)),
    )
    return _film(rng, actors, size, frames)


def _walker(
    rng: Random,
    path: tuple[tuple[float, float], tuple[float, float]],
    size: float,
    masks: Sequence[tuple[int, MaskState | None]],
) -> Actor:
    start, end = path
    ahead = 0.2 if end[0] > start[0] else -0.2
    look = Look(wear=int(rng.integers(1 << 31)), yaw=ahead, smile=float(rng.uniform(0, 0.8)))
    return Actor(identity(int(rng.integers(1 << 31))), look, start, end, size, float(rng.uniform(0, 6)), masks)


def _film(rng: Random, actors: Sequence[Actor], size: tuple[int, int], frames: int) -> Iterator[Frame]:
    """Every frame in turn; actors are painted in their order, the farthest first."""
    place, light = background(rng, size[1], size[0]), random_light(rng)
    camera = Camera(gamma=float(rng.uniform(0.9, 1.1)), noise=float(rng.uniform(0.004, 0.012)), blur=0.5)
    for frame in range(frames):
        canvas = place.copy()
        seen = []
        for actor in actors:
            where = actor.place_at(frame / max(1, frames - 1), frame, size)
            face = paint_person(canvas, actor.person, actor.look_at(frame), where, light)
            seen.append(Seen(face, LABELS[actor.mask_at(frame)]))
        boxes = labelled_faces(seen, *size)
        yield photograph(canvas, camera, rng), [(number, box) for number, box in enumerate(boxes) if box is not None]
