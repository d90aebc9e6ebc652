"""Answers Dream: what is asked of a model that dreams, and how its responses become messages."""

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
from services.runtime.images import DecodedImage, ImageDecoder, Pixels
from services.runtime.model import Tensors
from services.runtime.typed import EncodeImage, TypedCall, check_range, decode_image, image_encoder
from services.translator.framing import check_least, padded, scaled
from services.translator.options import check_budget, keeps_size, read_longest_side, read_seed, unknown_layer
from services.translator.stepwise import Dreamer, Target

MOST_TARGETS, MOST_OCTAVES, MOST_STEPS, MOST_JITTER = 16, 10, 500, 128
JITTER_UNLESS_SAID = 32
LARGEST_SCALE = 2.0
LARGEST_STEP = 0.5
_NOT_YET = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Dream:
    """One request to a model that dreams.

    Attributes:
        image: what is dreamt into, perhaps reduced.
        guide: what activations are pulled towards; None: unguided.
        settings: the JSON object that the model takes.
        keeps_size: whether the answer has the size of the image that was sent.
        encode: how images are written.
    """

    dreamer: Dreamer
    image: DecodedImage
    guide: Pixels | None
    settings: dict[str, Any]
    keeps_size: bool
    encode: EncodeImage

    def inputs(self) -> Tensors:
        """The request's tensors."""
        multiple = self.dreamer.frame.multiple
        none = np.zeros((0, 0, 3), np.uint8)
        return {
            "IMAGE": padded(self.image.pixels, multiple),
            "GUIDE": none if self.guide is None else padded(self.guide, multiple),
            "SETTINGS": np.array([json.dumps(self.settings).encode()], np.object_),
        }

    def cropped(self, image: Pixels) -> Pixels:
        """An image of the model, of any octave, without what the image was padded by.

        Raises:
            ModelFailed: it is no image, or larger than the one that was sent.
        """
        height, width = self.image.pixels.shape[:2]
        multiple = self.dreamer.frame.multiple
        whole = (height + -height % multiple, width + -width % multiple)
        if image.ndim != 3 or image.shape[2] != 3 or not 0 < image.shape[0] <= whole[0] or image.shape[1] > whole[1]:
            raise ModelFailed(f"model '{self.dreamer.name}': IMAGE has shape {image.shape} for one of {whole}")
        bottom = max(1, round(image.shape[0] * height / whole[0]))
        right = max(1, round(image.shape[1] * width / whole[1]))
        return image[:bottom, :right]

    def preview(self, image: Pixels) -> image_pb2.Image:
        """An image on the way, at its octave's size."""
        return self.encode(self.cropped(image))

    def result(self, image: Pixels, before_after: Sequence[float]) -> translator_pb2.DreamResult:
        """The last message. Takes long for large images: not for the event loop."""
        pixels = self.cropped(image)
        if self.keeps_size:
            pixels = scaled(pixels, self.image.width, self.image.height)
        height, width = pixels.shape[:2]
        return translator_pb2.DreamResult(
            image=self.encode(pixels),
            objective_before=before_after[0],
            objective_after=before_after[1],
            seed=self.settings["seed"],
            width=width,
            height=height,
        )


async def read_dream(
    request: translator_pb2.DreamRequest, dreamer: Dreamer, decoder: ImageDecoder, budget: int
) -> Dream:
    """What a request asks of a model that dreams; `budget`: most steps of a call, over all octaves.

    Raises:
        InvalidInput: an image or a field at fault, named with its value.
    """
    settings, encode = read_settings(request, dreamer), image_encoder(request.output)
    original = keeps_size(request.size)
    longest_side = read_longest_side(request.longest_side, dreamer.longest_side)
    image = await decode_image(request.image, decoder, longest_side=longest_side)
    check_least(image, dreamer.frame.least, dreamer.name, "image")
    guide = await _guide(request, dreamer, decoder) if request.HasField("guide") else None
    settings["octaves"] = fitting_octaves(request, dreamer, image.pixels)
    check_budget(settings["octaves"] * settings["steps"], budget, "steps")
    return Dream(dreamer, image, guide, settings, original, encode)


async def _guide(request: translator_pb2.DreamRequest, dreamer: Dreamer, decoder: ImageDecoder) -> Pixels:
    # In one piece: what is alike is looked for all over it.
    guide = await decode_image(request.guide, decoder, longest_side=dreamer.frame.tile, field="guide")
    check_least(guide, dreamer.frame.least, dreamer.name, "guide")
    return guide.pixels


def read_settings(request: translator_pb2.DreamRequest, dreamer: Dreamer) -> dict[str, Any]:
    """The JSON object that such a model takes, but for the octaves. Raises InvalidInput for a value out of range."""
    if request.steps:
        check_range("steps", request.steps, 1, MOST_STEPS)
    if request.HasField("jitter"):
        check_range("jitter", request.jitter, 0, MOST_JITTER)
    targets = read_targets(request, dreamer) or dreamer.targets
    return {
        "targets": [{"layer": target.layer, "channel": target.channel, "weight": target.weight} for target in targets],
        "octave_scale": _above(request, "octave_scale", 1, LARGEST_SCALE, dreamer.octave_scale),
        "steps": request.steps or dreamer.steps,
        "step_size": _above(request, "step_size", 0, LARGEST_STEP, dreamer.step_size),
        "jitter": request.jitter if request.HasField("jitter") else JITTER_UNLESS_SAID,
        "seed": read_seed(request),
        "preview_every_steps": request.preview_every_steps,
    }


def _above(request: translator_pb2.DreamRequest, field: str, low: float, high: float, own: float) -> float:
    if not request.HasField(field):  # type: ignore[arg-type]  # one of two optional fields
        return own
    value = float(getattr(request, field))
    if not low < value <= high:  # NaN fails both
        raise InvalidInput(f"{field} is {value:g}; it must be above {low:g} and at most {high:g}", field=field)
    return value


def read_targets(request: translator_pb2.DreamRequest, dreamer: Dreamer) -> tuple[Target, ...]:
    """What a request wants strengthened. Raises InvalidInput for a layer or channel that the model lacks, by name."""
    if len(request.targets) > MOST_TARGETS:
        raise InvalidInput(
            f"targets has {len(request.targets)} entries; it must have at most {MOST_TARGETS}", field="targets"
        )
    return tuple(_target(one, dreamer, f"targets[{place}]") for place, one in enumerate(request.targets))


def _target(asked: translator_pb2.DreamTarget, dreamer: Dreamer, field: str) -> Target:
    if asked.layer not in dreamer.layers:
        raise unknown_layer(f"{field}.layer", asked.layer, dreamer.name, list(dreamer.layers))
    channels = dreamer.layers[asked.layer]
    if asked.HasField("channel") and asked.channel >= channels:
        raise InvalidInput(
            f"{field}.channel is {asked.channel}; layer '{asked.layer}' has channels 0 to {channels - 1}",
            field=f"{field}.channel",
        )
    if not isfinite(asked.weight):
        raise InvalidInput(f"{field}.weight is {asked.weight:g}; it must be finite", field=f"{field}.weight")
    return Target(asked.layer, asked.channel if asked.HasField("channel") else None, asked.weight or 1.0)


def fitting_octaves(request: translator_pb2.DreamRequest, dreamer: Dreamer, pixels: Pixels) -> int:
    """The octaves of a dream: as many as are asked for, or as many of the model's own as a small image has.

    Raises:
        InvalidInput: out of range, or the smallest octave would be smaller than the network needs.
    """
    if request.octaves:
        check_range("octaves", request.octaves, 1, MOST_OCTAVES)
    scale = _above(request, "octave_scale", 1, LARGEST_SCALE, dreamer.octave_scale)
    shortest, least = min(pixels.shape[:2]), dreamer.frame.least
    most = 1
    while most < MOST_OCTAVES and shortest / scale**most >= least:
        most += 1
    if request.octaves > most:
        raise InvalidInput(
            f"octaves is {request.octaves}; an image whose shorter side has {shortest} pixels has at most {most} at "
            f"octave_scale {scale:g}, since model '{dreamer.name}' needs {least}",
            field="octaves",
        )
    return request.octaves or min(dreamer.octaves, most)


async def dream(job: Dream, call: TypedCall) -> AsyncGenerator[translator_pb2.DreamResponse, None]:
    """A message for every step, octave by octave, then the result. Closing it ends the dream before its next step."""
    dreamer, result = job.dreamer, None
    inputs = await asyncio.to_thread(job.inputs)
    async with aclosing(call.stream(dreamer.config, dreamer.version, inputs)) as responses:
        async for outputs in responses:
            image, ends = outputs["IMAGE"], outputs.get("BEFORE_AFTER", _NOT_YET).tolist()
            octave, octaves, step, steps = outputs["PROGRESS"].tolist()
            last = bool(ends)
            seen = await asyncio.to_thread(job.preview, image) if image.size and not last else None
            progress = translator_pb2.DreamProgress(
                octave=octave,
                total_octaves=octaves,
                step=step,
                total_steps=steps,
                objective=outputs["OBJECTIVE"].item(),
                preview=seen,
            )
            yield translator_pb2.DreamResponse(progress=progress, timing=call.timing())
            if last:
                result = await asyncio.to_thread(job.result, image, ends)
    if result is None:
        raise ModelFailed(f"model '{dreamer.name}' ended without an image")
    yield translator_pb2.DreamResponse(result=result, timing=call.timing())
