"""Proves that an exported generator makes the images of the trained one, in every engine that will serve it.

Two things are promised of a served generator: its images are those of the trained network, and the same latent vector
gives the same bytes however many others share its batch. The second is promised of OpenVINO with one thread for a row,
which the configuration asks for: threads that share a row cut it in other places in other batches, and onnxruntime sums
a mean over channels in another order when there is only one row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from training.errors import TrainingError
from training.export.engines import Run, Tensors, cpu_precisions, onnxruntime_run, openvino_run
from training.export.generators.graph import LABEL, LATENT, REALNESS, realness
from training.export.generators.trained import TrainedGenerator
from training.generators.drawing import draw_latents
from training.metrics.images import make_images

SEEDS = range(64)
BATCHES = (32, 1, 2, 3, 5, 11, 31)
"""Sizes that must give the same bytes: the largest, and some that threads would share in different ways."""

PIXEL_TOLERANCE = 2
"""Steps of 255. One is rounding: a value on the border of two steps may fall to either side. The other is for weights
of 11 bits and for sums in another order, which must stay below what one more step of a byte can show."""

REALNESS_TOLERANCE = 0.02
"""Of 0..1: a critic multiplies what differs in an image, so its answer is held to what a person would tell apart."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """By how much one engine's images differ from the trained network's.

    Attributes:
        engine: e.g. "onnxruntime".
        precision: "f32" or "bf16".
        images: how many were compared.
        worst: largest difference of a pixel, of 255.
        differing: share of all values of pixels that differ at all, 0..1.
        realness: largest difference of REALNESS, of 0..1; None without a critic.
        alone: how many have the same bytes in batches of all `BATCHES`.
    """

    engine: str
    precision: str
    images: int
    worst: int
    differing: float
    realness: float | None
    alone: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Latent vectors with their classes, and what the trained network makes of them.

    Attributes:
        inputs: LATENT float32 (n, values); with classes also LABEL int64 (n, 1).
        pixels: uint8 (n, height, width, channels).
        realness: float32 (n, 1), or None.
    """

    inputs: Tensors
    pixels: NDArray[np.uint8]
    realness: NDArray[np.float32] | None


def expected(trained: TrainedGenerator, seeds: Sequence[int] = SEEDS) -> Expected:
    """What a trained generator makes of the first latent vector of each seed, asked for its classes in turn."""
    latents = draw_latents(trained.latent, seeds)
    inputs: dict[str, NDArray[Any]] = {LATENT: latents}
    if trained.classes:
        inputs[LABEL] = (np.arange(len(latents)) % len(trained.classes))[:, np.newaxis]
    asked = torch.from_numpy(inputs[LABEL][:, 0]) if trained.classes else None
    pixels = make_images(trained.generator, torch.from_numpy(latents), asked)
    return Expected(inputs, pixels, _realness(trained, torch.from_numpy(latents), asked))


def prove(trained: TrainedGenerator, model: onnx.ModelProto) -> list[Likeness]:
    """Compare the graph with the network, in onnxruntime and in OpenVINO at every precision that this CPU has.

    Returns:
        One entry for each engine and precision; bf16 is left out where it does not keep what is promised.

    Raises:
        TrainingError: in f32 a pixel differs by more than `PIXEL_TOLERANCE`, REALNESS by more than its own, or in
            OpenVINO an image has not the same bytes in batches of all sizes.
    """
    wanted = expected(trained)
    proofs = [_compare("onnxruntime", "f32", onnxruntime_run(model, threads=0), wanted)]
    for precision in cpu_precisions():
        try:
            proof = _compare("OpenVINO", precision, openvino_run(model, precision, threads=1), wanted)
            _check_alone(proof)
        except TrainingError:
            if precision == "f32":
                raise
        else:
            proofs.append(proof)
    return proofs


def _compare(engine: str, precision: str, run: Run, wanted: Expected) -> Likeness:
    count, where = len(wanted.pixels), f"{engine}, {precision}"
    together, *others = (_outputs(run, wanted.inputs, batch) for batch in BATCHES)
    same = [a == b for other in others for a, b in zip(together, other, strict=True)]
    alone = np.logical_and.reduce([values.reshape(count, -1).all(1) for values in same])
    apart = np.abs(together[0].astype(np.int16) - wanted.pixels)
    worst = int(apart.max())
    if worst > PIXEL_TOLERANCE:
        image = int(apart.reshape(count, -1).max(1).argmax())
        raise TrainingError(
            f"{where}: a pixel of the image of seed {SEEDS[image]} differs by {worst} of 255 from the trained "
            f"network's; {PIXEL_TOLERANCE} are allowed"
        )
    critical = None if wanted.realness is None else float(np.abs(together[1] - wanted.realness).max())
    if critical is not None and critical > REALNESS_TOLERANCE:
        raise TrainingError(f"{where}: {REALNESS} differs by {critical:.3f}; {REALNESS_TOLERANCE:g} is allowed")
    return Likeness(engine, precision, count, worst, float((apart > 0).mean()), critical, int(alone.sum()))


def _check_alone(proof: Likeness) -> None:
    if proof.alone < proof.images:
        raise TrainingError(
            f"{proof.engine}, {proof.precision}: {proof.images - proof.alone} of {proof.images} images are others "
            f"in batches of {BATCHES[0]} than alone or in smaller ones, so a seed would not mean one image"
        )


def _outputs(run: Run, inputs: Tensors, batch: int) -> list[NDArray[Any]]:
    """The outputs of all rows, computed so many at a time."""
    count = len(inputs[LATENT])
    parts = [
        run({name: rows[start : start + batch] for name, rows in inputs.items()}) for start in range(0, count, batch)
    ]
    return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


@torch.no_grad()
def _realness(
    trained: TrainedGenerator, latents: torch.Tensor, labels: torch.Tensor | None
) -> NDArray[np.float32] | None:
    if trained.critic is None:
        return None
    asked = () if labels is None else (labels,)
    answers: NDArray[np.float32] = realness(trained.critic, trained.network(latents, *asked), *asked).numpy()
    return answers
