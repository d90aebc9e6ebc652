"""Proves that an exported translator gives the images of the trained one, in every engine that will serve it.

Three things are promised of a served translator: its images are those of the trained network, at every size that it
takes, and an image does not depend on the others of its batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from training.errors import TrainingError
from training.export.engines import Run, cpu_precisions, onnxruntime_run, openvino_run
from training.export.translators.graph import IMAGE
from training.export.translators.trained import Pixels, TrainedDirection
from training.metrics.translation.images import translate_pixels

BATCH = 8
MEAN_TOLERANCE = {"f32": 0.5, "bf16": 1.0}
"""Steps of 255, over all values of an image. What is stored in half costs tenths of one, a reduced precision may cost
one; a network that behaves otherwise in training than afterwards, the known trap of exports, costs many."""

WORST_TOLERANCE = 8
"""Steps of 255 at f32: weights of 11 bits move single pixels beside an edge by some."""

ALONE_TOLERANCE = 1
"""Steps of 255 at f32 between an image alone and the same in a batch: sums in another order, before rounding."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """By how much one engine's images differ from the trained network's.

    Attributes:
        engine: e.g. "onnxruntime".
        precision: "f32" or "bf16".
        images: how many were compared, of all sizes together.
        worst: largest difference of a value, of 255.
        mean: of the image that differs most, over its values, of 255.
        company: largest difference of a value between an image alone and the same in a batch of `BATCH`, of 255.
    """

    engine: str
    precision: str
    images: int
    worst: int
    mean: float
    company: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Images of one size, and what the trained network makes of them; both uint8 (n, height, width, 3)."""

    inputs: Pixels
    outputs: Pixels


def expected(trained: TrainedDirection, inputs: Pixels, tile: int) -> list[Expected]:
    """What a trained translator makes of held-out images, of the smallest that it takes, and of one as large as a tile.

    Args:
        trained: on the CPU, in evaluation mode.
        inputs: uint8 (n, height, width, 3); sides that are no multiples are cut to such.
        tile: the side that larger images are cut into or shrunk to.
    """
    whole = _cut(inputs, trained.multiple)
    least = _middle(inputs[:BATCH], trained.least)
    large = _grown(inputs[:1], tile, tile + trained.multiple)
    return [Expected(images, translate_pixels(trained.network, images)) for images in (whole, least, large)]


def prove(wanted: Sequence[Expected], model: onnx.ModelProto) -> list[Likeness]:
    """Compare the graph with the network, in onnxruntime and in OpenVINO at every precision that this CPU has.

    Returns:
        One entry for each engine and precision; bf16 is left out where it does not keep what is promised.

    Raises:
        TrainingError: in f32 an image differs by more than `MEAN_TOLERANCE` in the mean or by `WORST_TOLERANCE` in a
            value, or one in company by more than `ALONE_TOLERANCE` from the same alone.
    """
    proofs = [_compare("onnxruntime", "f32", onnxruntime_run(model, threads=0), wanted)]
    for precision in cpu_precisions():
        try:
            proofs.append(_compare("OpenVINO", precision, openvino_run(model, precision, threads=0), wanted))
        except TrainingError:
            if precision == "f32":
                raise
    return proofs


def _compare(engine: str, precision: str, run: Run, wanted: Sequence[Expected]) -> Likeness:
    found = [_compare_size(run, one, f"{engine}, {precision}", precision) for one in wanted]
    return Likeness(
        engine,
        precision,
        sum(len(one.inputs) for one in wanted),
        max(likeness.worst for likeness in found),
        max(likeness.mean for likeness in found),
        max(likeness.company for likeness in found),
    )


@dataclass(frozen=True, slots=True)
class _Apart:
    worst: int
    mean: float
    company: int


def _compare_size(run: Run, wanted: Expected, where: str, precision: str) -> _Apart:
    together, alone = (_outputs(run, wanted.inputs, batch) for batch in (BATCH, 1))
    height, width = wanted.inputs.shape[1:3]
    if together.shape != wanted.outputs.shape:
        raise TrainingError(f"{where}: images of {width} x {height} come back as {list(together.shape)}")
    differences = _differences(together, wanted.outputs)
    means = differences.reshape(len(differences), -1).mean(1)
    found = _Apart(int(differences.max()), float(means.max()), int(_differences(together, alone).max()))
    at = f"{where}: image {int(means.argmax())} of {width} x {height} differs from the trained network's by"
    if found.mean > MEAN_TOLERANCE[precision]:
        raise TrainingError(f"{at} {found.mean:.2f} of 255 in the mean; {MEAN_TOLERANCE[precision]:g} is allowed")
    if precision == "f32" and found.worst > WORST_TOLERANCE:
        raise TrainingError(
            f"{where}: a value of an image of {width} x {height} differs by {found.worst} of 255 from the trained "
            f"network's; {WORST_TOLERANCE} are allowed"
        )
    if precision == "f32" and found.company > ALONE_TOLERANCE:
        raise TrainingError(
            f"{where}: an image of {width} x {height} differs by {found.company} of 255 in a batch of {BATCH} from the "
            "same alone, so it would depend on what others send"
        )
    return found


def _outputs(run: Run, images: Pixels, batch: int) -> Pixels:
    parts = [run({IMAGE: images[start : start + batch]})[0] for start in range(0, len(images), batch)]
    return np.concatenate(parts)


def _differences(first: Pixels, second: Pixels) -> NDArray[np.int16]:
    apart: NDArray[np.int16] = np.abs(first.astype(np.int16) - second)
    return apart


def _cut(images: Pixels, multiple: int) -> Pixels:
    height, width = (side // multiple * multiple for side in images.shape[1:3])
    return np.ascontiguousarray(images[:, :height, :width])


def _middle(images: Pixels, side: int) -> Pixels:
    top, left = ((whole - side) // 2 for whole in images.shape[1:3])
    return np.ascontiguousarray(images[:, top : top + side, left : left + side])


def _grown(images: Pixels, height: int, width: int) -> Pixels:
    """Mirrored at their edges until they are as large."""
    missing = [(0, max(0, wanted - side)) for wanted, side in zip((height, width), images.shape[1:3], strict=True)]
    return np.pad(images, ((0, 0), *missing, (0, 0)), mode="symmetric")[:, :height, :width]
