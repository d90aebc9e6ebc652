"""Stylises step by step: what is asked of a styliser that optimises, and how its responses become messages."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from imago.v1 import image_pb2, translator_pb2
from services.runtime.errors import InvalidInput, ModelFailed
from services.runtime.images import ImageDecoder, Pixels
from services.runtime.model import Tensors
from services.runtime.typed import TypedCall, check_range
from services.translator.framing import padded
from services.translator.options import check_budget, read_longest_side, unknown_layer
from services.translator.stepwise import StyleOptimizer
from services.translator.styles import AskedStyle, decode_style, read_styles
from services.translator.stylising import Content, read_content

MOST_STEPS = 5000
_WEIGHTS = ("content_weight", "style_weight", "variation_weight")


@dataclass(frozen=True, slots=True)
class Optimisation:
    """One request to a styliser that optimises."""

    optimizer: StyleOptimizer
    content: Content
    styles: Sequence[Pixels]
    shares: Sequence[float]
    settings: dict[str, Any]

    def inputs(self) -> Tensors:
        """The request's tensors."""
        multiple = self.optimizer.frame.multiple
        styles = [padded(style, multiple) for style in self.styles]
        return {
            "IMAGE": padded(self.content.pixels, multiple),
            "STYLE_PIXELS": np.concatenate([style.ravel() for style in styles]),
            "STYLE_SHAPES": np.array([style.shape[:2] for style in styles], np.int64),
            "STYLE_WEIGHTS": np.array(self.shares, np.float32),
            "SETTINGS": np.array([json.dumps(self.settings).encode()], np.object_),
        }


async def read_optimisation(
    request: translator_pb2.StylizeRequest, optimizer: StyleOptimizer, decoder: ImageDecoder, budget: int
) -> Optimisation:
    """What a request asks of a styliser that optimises; `budget`: most steps of a call.

    Raises:
        InvalidInput: a field out of range, or one that such a styliser does not take, named with its value.
    """
    settings = read_settings(request.optimisation, optimizer, budget)
    styles = read_styles(request)
    images = [_image_of(style, optimizer) for style in styles]
    longest_side = read_longest_side(request.longest_side, optimizer.frame.tile)
    if longest_side > optimizer.frame.tile:
        raise InvalidInput(
            f"longest_side is {longest_side}; model '{optimizer.name}' holds at most {optimizer.frame.tile}",
            field="longest_side",
        )
    content = await read_content(request, decoder, optimizer, longest_side)
    pixels = [
        await decode_style(image, decoder, optimizer, longest_side, style.field)
        for image, style in zip(images, styles, strict=True)
    ]
    settings["strength"] = content.strength
    return Optimisation(optimizer, content, pixels, [style.share for style in styles], settings)


def _image_of(asked: AskedStyle, optimizer: StyleOptimizer) -> image_pb2.Image:
    if isinstance(asked.style, image_pb2.Image):
        return asked.style
    raise InvalidInput(
        f"{asked.field} is given, but model '{optimizer.name}' optimises and takes style images only", field=asked.field
    )


def read_settings(asked: translator_pb2.StyleOptimisation, optimizer: StyleOptimizer, budget: int) -> dict[str, Any]:
    """The JSON object that such a model takes. Raises InvalidInput for a value out of range or an unknown layer."""
    if asked.HasField("steps"):
        check_range("optimisation.steps", asked.steps, 1, MOST_STEPS)
    steps = asked.steps or optimizer.steps
    check_budget(steps, budget, "optimisation.steps")
    return {
        "steps": steps,
        "learning_rate": _rate(asked, optimizer),
        **{name: _weight(asked, optimizer, name) for name in _WEIGHTS},
        "content_layers": _layers(asked.content_layers, optimizer, "content_layers"),
        "style_layers": _layers(asked.style_layers, optimizer, "style_layers"),
        "preview_every_steps": asked.preview_every_steps,
        "noise_seed": asked.noise_seed if asked.HasField("noise_seed") else None,
    }


def _rate(asked: translator_pb2.StyleOptimisation, optimizer: StyleOptimizer) -> float:
    if not asked.HasField("learning_rate"):
        return optimizer.learning_rate
    if not asked.learning_rate > 0 or not isfinite(asked.learning_rate):
        raise InvalidInput(
            f"optimisation.learning_rate is {asked.learning_rate:g}; it must be above 0",
            field="optimisation.learning_rate",
        )
    return asked.learning_rate


def _weight(asked: translator_pb2.StyleOptimisation, optimizer: StyleOptimizer, name: str) -> float:
    if not asked.HasField(name):  # type: ignore[arg-type]  # one of _WEIGHTS
        return float(getattr(optimizer, name))
    weight = float(getattr(asked, name))
    if not weight >= 0 or not isfinite(weight):
        raise InvalidInput(f"optimisation.{name} is {weight:g}; it must be 0 or more", field=f"optimisation.{name}")
    return weight


def _layers(asked: Sequence[str], optimizer: StyleOptimizer, name: str) -> list[str]:
    for place, layer in enumerate(asked):
        if layer not in optimizer.layers:
            raise unknown_layer(f"optimisation.{name}[{place}]", layer, optimizer.name, optimizer.layers)
    return list(asked or getattr(optimizer, name))


async def optimise(job: Optimisation, call: TypedCall) -> AsyncGenerator[translator_pb2.StylizeResponse, None]:
    """A message for every step, then the result. Closing it ends the optimisation before its next step."""
    steps = job.settings["steps"]
    latest: Pixels | None = None
    optimizer = job.optimizer
    inputs = await asyncio.to_thread(job.inputs)
    async with aclosing(call.stream(optimizer.config, optimizer.version, inputs)) as responses:
        async for outputs in responses:
            step, image = int(outputs["STEP"][0]), _fitting(outputs["IMAGE"], job.content, optimizer.name)
            latest = latest if image is None else image
            # The image of the last step is the result, and need not travel twice.
            seen = None if image is None or step >= steps else await asyncio.to_thread(job.content.preview, image)
            content, style, variation = outputs["LOSSES"].tolist()
            progress = translator_pb2.StylizeProgress(
                step=step,
                total_steps=steps,
                content_loss=content,
                style_loss=style,
                variation_loss=variation,
                preview=seen,
            )
            yield translator_pb2.StylizeResponse(progress=progress, timing=call.timing())
    if latest is None:
        raise ModelFailed(f"model '{optimizer.name}' ended without an image")
    result = await asyncio.to_thread(job.content.result, latest, None)
    yield translator_pb2.StylizeResponse(result=result, timing=call.timing())


def _fitting(image: Pixels, content: Content, model: str) -> Pixels | None:
    """The image of a response, without what the content was padded by; None where there is none."""
    height, width = content.pixels.shape[:2]
    if not image.size:
        return None
    if image.ndim != 3 or image.shape[0] < height or image.shape[1] < width or image.shape[2] != 3:
        raise ModelFailed(f"model '{model}': IMAGE has shape {image.shape} for a content of {height}x{width}")
    return image[:height, :width]
