"""Proves that what is exported gives what the trained networks give, in every engine that may serve it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.dreaming.settings import DreamSettings
from training.dreaming.step import DreamStep
from training.errors import TrainingError
from training.export.engines import Run, cpu_precisions, onnxruntime_run, openvino_run
from training.export.stylisers.graph import CONTENT, IMAGE, STRENGTH, STYLE, ServedEncoder, ServedStylizer
from training.features.reference import reference_images
from training.features.stack import FeatureStack
from training.stylisation.adain import Stylizer
from training.stylisation.gatys import StyleSettings
from training.stylisation.losses import gram
from training.stylisation.step import StyleStep

SIDES = (96, 128)
"""Of the photographs: a graph is proven at two sizes, since it promises any."""

WORST, MEAN = 3, 1.0
"""Steps of 255 by which a pixel may differ in f32, and all of them on average at any precision. One is rounding;
weights of 11 bits move a value before it is clipped."""

VALUES = {"f32": 0.01, "bf16": 0.03}
"""By which share of their length statistics, losses and gradients may differ."""

TURN = {"f32": 0.999, "bf16": 0.98}
"""Least cosine between the gradients: a value near zero may pass ReLU in one engine and not in the other."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """By how much one engine's answers differ from the network's.

    Attributes:
        engine, precision: e.g. "onnxruntime", "f32".
        figures: what was compared, and how it differs, for people.
    """

    engine: str
    precision: str
    figures: str


Compare = Callable[[Run, str], str]
"""An engine's run and its precision to figures; TrainingError where they are not good enough."""


def prove_encoder(stylizer: Stylizer, model: onnx.ModelProto) -> list[Likeness]:
    """Compare statistics; errors as for `prove_stylizer`."""
    served, pictures = ServedEncoder(stylizer.encoder).eval(), _pixels(stylizer.multiple)
    wanted = [_numpy(served, torch.from_numpy(pixels)) for pixels in pictures]

    def compare(run: Run, precision: str) -> str:
        found = [run({IMAGE: pixels})[0] for pixels in pictures]
        apart = max(_apart(a, b) for a, b in zip(found, wanted, strict=True))
        _check(apart <= VALUES[precision], f"statistics differ by {apart:.2%} of their length")
        return f"statistics within {apart:.2%} of their length"

    return _everywhere(model, compare)


def prove_stylizer(stylizer: Stylizer, model: onnx.ModelProto) -> list[Likeness]:
    """Compare pixels, at full strength and at half.

    Returns:
        One entry for each engine and precision; bf16 is left out where it is not good enough.

    Raises:
        TrainingError: in f32 an engine does not give what the network gives.
    """
    served, inputs = ServedStylizer(stylizer).eval(), _stylizer_inputs(stylizer)
    wanted = [_numpy(served, *map(torch.from_numpy, each.values())) for each in inputs]

    def compare(run: Run, precision: str) -> str:
        apart = [np.abs(run(each)[0].astype(int) - b).ravel() for each, b in zip(inputs, wanted, strict=True)]
        every = np.concatenate(apart)
        worst, mean = int(every.max()), float(every.mean())
        said = f"pixels within {worst} of 255, {mean:.3f} on average"
        _check(mean <= MEAN and (worst <= WORST or precision != "f32"), said)
        return said

    return _everywhere(model, compare)


def prove_step(stack: FeatureStack, settings: StyleSettings | DreamSettings, model: onnx.ModelProto) -> list[Likeness]:
    """Compare one step's losses and gradient, at two sizes; results and errors as for `prove_stylizer`."""
    inputs = [_step_inputs(stack, settings, side - side % stack.multiple) for side in SIDES]
    step = (StyleStep if isinstance(settings, StyleSettings) else DreamStep)(stack)
    names = [tensor.name for tensor in model.graph.input]
    wanted = [[_numpy_of(value) for value in step(*each)[:2]] for each in inputs]

    def compare(run: Run, precision: str) -> str:
        worst, turn = 0.0, 1.0
        for each, (losses, gradient) in zip(inputs, wanted, strict=True):
            found = run(dict(zip(names, map(_numpy_of, _flat(each)), strict=True)))
            worst = max(worst, _apart(found[0], losses))
            length = np.linalg.norm(found[1]) * np.linalg.norm(gradient)
            turn = min(turn, float((found[1] * gradient).sum() / max(length, 1e-12)))
        said = f"losses within {worst:.2%}, gradients of cosine {turn:.5f}"
        _check(worst <= VALUES[precision] and turn >= TURN[precision], said)
        return said

    return _everywhere(model, compare)


def _everywhere(model: onnx.ModelProto, compare: Compare) -> list[Likeness]:
    proofs = [Likeness("onnxruntime", "f32", _named("onnxruntime", "f32", compare, onnxruntime_run(model, threads=0)))]
    for precision in cpu_precisions():
        try:
            figures = _named("OpenVINO", precision, compare, openvino_run(model, precision, threads=0))
        except TrainingError:
            if precision == "f32":
                raise
        else:
            proofs.append(Likeness("OpenVINO", precision, figures))
    return proofs


def _named(engine: str, precision: str, compare: Compare, run: Run) -> str:
    try:
        return compare(run, precision)
    except TrainingError as error:
        raise TrainingError(f"{engine}, {precision}: the exported graph gives something else: {error}") from None


def _check(good: bool, said: str) -> None:
    if not good:
        raise TrainingError(said)


def _stylizer_inputs(stylizer: Stylizer) -> list[dict[str, NDArray[Any]]]:
    inputs = []
    for pixels, strength in zip(_pixels(stylizer.multiple), (1.0, 0.5), strict=True):
        codes = _numpy(ServedEncoder(stylizer.encoder).eval(), torch.from_numpy(pixels))
        strengths = np.full((len(pixels), 1), strength, np.float32)
        inputs.append({IMAGE: pixels, CONTENT: codes, STYLE: codes[::-1].copy(), STRENGTH: strengths})
    return inputs


def _step_inputs(stack: FeatureStack, settings: StyleSettings | DreamSettings, side: int) -> tuple[Any, ...]:
    """Two photographs: the gradient of going from one to the look of the other, or to its layers."""
    images = reference_images(side)[:2]
    with torch.no_grad():
        first, second = (stack(image[None]) for image in images)
    image, count = (images[:1] + 1) / 2, len(stack.layers)
    if isinstance(settings, StyleSettings):
        weights = torch.full((count,), 1 / count)
        grams = [gram(maps) for maps in second]
        # the content is another's too: at itself its gradient is 0, and nothing would be compared
        targets = [maps + other for maps, other in zip(first, second, strict=True)]
        return image, weights, settings.style_weight * weights, torch.ones(1), targets, grams
    each = [torch.full((layer.channels,), 1 / layer.channels) for layer in stack.layers]
    guides = [maps.flatten(2)[0].T[:16].contiguous() for maps in second]
    return image, torch.ones(count), each, guides


def _flat(values: Sequence[Any]) -> list[Tensor]:
    return [tensor for value in values for tensor in (value if isinstance(value, list) else [value])]


def _pixels(multiple: int) -> list[NDArray[np.uint8]]:
    """Photographs of two sizes, each uint8 (n, height, width, 3), not square."""
    pictures = []
    for side in SIDES:
        images = reference_images(side - side % multiple)[:, :, multiple:]
        pixels = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        pictures.append(np.ascontiguousarray(pixels.numpy()))
    return pictures


def _apart(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    return float(np.linalg.norm(found - wanted) / max(float(np.linalg.norm(wanted)), 1e-12))


@torch.no_grad()
def _numpy(network: nn.Module, *inputs: Tensor) -> NDArray[Any]:
    values: NDArray[Any] = network(*inputs).numpy()
    return values


def _numpy_of(tensor: Tensor) -> NDArray[Any]:
    values: NDArray[Any] = tensor.detach().numpy()
    return values
