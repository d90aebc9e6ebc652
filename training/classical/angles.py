"""How far a face may turn before dlib's HOG detector loses it: recall against roll and yaw, on rendered faces.

The detector is a sliding window over histograms of gradients, trained on frontal faces (Dalal and Triggs 2005; King
2015): it is not invariant to rotation or viewing angle, and these curves show from where on.
"""

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import radians
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import dlib
import numpy as np
from matplotlib.figure import Figure

from training.render.faces import Edges, render_face
from training.render.identity import identity
from training.render.look import Look, MaskState

Axis = Literal["roll", "yaw"]
SIDE = 192
"""Of a rendered picture, in pixels; its face is 62 % of that high, well above the detector's least 80."""

_FOUND = 0.3
"""Least overlap with the face's outline. The detector's own box reaches from brows to chin, less than the outline."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of the same people are found at one angle (degrees), wearing no mask or one."""

    axis: Axis
    degrees: float
    mask: MaskState | None
    faces: int
    found: int

    @property
    def share(self) -> float:
        return self.found / self.faces


@dataclass(frozen=True, slots=True)
class Pose:
    """One point of a curve to be measured."""

    axis: Axis
    degrees: float
    mask: MaskState | None = None


def overlap(first: Edges, second: Edges) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared) if shared else 0.0


def measure(pose: Pose, faces: int, seed: int) -> Recall:
    """Recall at one pose over people `seed`, `seed` + 1, ...; the same people at every pose."""
    detect = dlib.get_frontal_face_detector()
    found = 0
    for number in range(seed, seed + faces):
        angle = radians(pose.degrees)
        rng = np.random.default_rng((number, 0x406))
        look = Look(mask=pose.mask, smile=float(rng.uniform(-0.2, 0.8)), wear=int(rng.integers(1 << 31)))
        look = replace(look, yaw=angle) if pose.axis == "yaw" else replace(look, roll=angle)
        face = render_face(identity(number), look, SIDE, seed=number)
        found += any(overlap(_edges(box), face.box) >= _FOUND for box in detect(face.pixels, 0))
    return Recall(pose.axis, pose.degrees, pose.mask, faces, found)


def _edges(box: Any) -> Edges:
    return (box.left(), box.top(), box.right() + 1, box.bottom() + 1)


def measure_all(poses: Sequence[Pose], faces: int, seed: int, workers: int) -> Iterator[Recall]:
    """Every pose, in order, by several processes."""
    if workers <= 1:
        yield from (measure(pose, faces, seed) for pose in poses)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure, poses, [faces] * len(poses), [seed] * len(poses))


def write_recalls(recalls: Sequence[Recall], file: Path) -> None:
    """The curves as CSV."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(("axis", "degrees", "mask", "faces", "found", "recall"))
        table.writerows(
            (each.axis, f"{each.degrees:g}", each.mask or "none", each.faces, each.found, f"{each.share:.4f}")
            for each in recalls
        )


def draw_recalls(recalls: Sequence[Recall], file: Path) -> None:
    """One panel for each axis, one curve for each way of wearing a mask, as a PNG."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(f"dlib HOG on {recalls[0].faces} rendered people of {SIDE} px")
    axes: tuple[Axis, ...] = ("roll", "yaw")
    for panel, axis in zip(figure.subplots(1, 2, sharey=True), axes, strict=True):
        for mask in dict.fromkeys(each.mask for each in recalls):
            curve = [each for each in recalls if each.axis == axis and each.mask == mask]
            label = {None: "no mask", "on": "mask", "under_nose": "mask under the nose", "chin": "mask at the chin"}
            panel.plot([each.degrees for each in curve], [each.share for each in curve], marker="o", label=label[mask])
        panel.set(xlabel=f"{axis}, degrees", ylim=(0, 1.02))
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    figure.supylabel("share of faces found")
    figure.savefig(file, format="png", dpi=100)
