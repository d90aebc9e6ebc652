"""Styles that are optimised, styles in one pass, and dreams, all through the service, at 256 x 256.

The sheets that they leave are to be looked at.
"""

import sys
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import cv2
import numpy as np

from imago.v1 import translator_pb2
from tests.acceptance.figures import Figures
from tests.acceptance.served import (
    OUT,
    RUNS,
    TIMEOUT_S,
    Pixels,
    Service,
    finished_run,
    pixels_of,
    raw,
    raw_output,
    service,
)
from training.data.photographs import photograph
from training.data.sheet import save_png, sheet
from training.export.stylisers.trained import load_features
from training.metrics.images import to_tensor
from training.stylisation.gatys import settings_for, stylise

SIDE = 256
CONTENT, DREAMT = "cat", "coffee"
STYLES = ("retina", "tissue", "galaxies")
STEPS = 150
FEATURES = "features-things"
"""The run whose network the starter models of styles and dreams look through."""
WARM, TIMED, ROUNDS = 3, 20, 3
CALLS = 20
OCTAVE_STEPS = 10
CANCELLED = 5


@dataclass(frozen=True, slots=True)
class Optimised:
    """What came of an optimisation.

    Attributes:
        pixels: uint8 (256, 256, 3).
        style_losses: weighted, before each step.
        seconds: of the whole call.
        seconds_per_step: median, without the first ones.
    """

    pixels: Pixels
    style_losses: list[float]
    seconds: float
    seconds_per_step: float


def gatys(figures: Figures) -> None:
    """Three styles, and what a step costs beside one of torch with its own gradients, in turns."""
    content, rows = picture(CONTENT), []
    with service("gatys") as one:
        for name in STYLES:
            found = optimised(one, content, picture(name), STEPS)
            rest = found.style_losses[-1] / found.style_losses[0]
            about = f"gatys, {name}: style loss after {STEPS} steps as a share of that before"
            figures.at_most(about, rest, 0.01, seconds=round(found.seconds, 2))
            rows.append((picture(name), found.pixels))
        _draw("gatys", [cell for style, made in rows for cell in (content, style, made)], 3)
        rounds = [
            (optimised(one, content, picture(STYLES[0]), TIMED).seconds_per_step, _torch_step()) for _ in range(ROUNDS)
        ]
    figures.at_least(
        "gatys: seconds of a step of torch as a share of a served one's",
        median(torch / served for served, torch in rounds),
        1.0,
        served=[round(served, 4) for served, _ in rounds],
        torch=[round(torch, 4) for _, torch in rounds],
    )


def feedforward(figures: Figures) -> None:
    """Three styles in one pass, judged by the style loss of the model that optimises."""
    content, rows, ratios, seconds, slow = picture(CONTENT), [], [], [], []
    with service("style_encoder", "stylizer", "gatys") as all_of_them:
        for name in STYLES:
            style = picture(name)
            made, took = _in_one_pass(all_of_them, content, style)
            optimum = optimised(all_of_them, content, style, STEPS)
            losses = [style_loss(all_of_them, image, style) for image in (made, optimum.pixels)]
            ratios.append(losses[0] / losses[1])
            seconds.append(took)
            slow.append(optimum.seconds)
            rows += [content, style, optimum.pixels, made]
    _draw("feedforward", rows, 4)
    figures.at_most(
        "feed-forward: a call at 256 px, s", median(seconds), 0.150, each=[round(one, 4) for one in seconds]
    )
    figures.at_least(f"feed-forward: times faster than {STEPS} optimised steps", median(slow) / median(seconds), 50)
    for name, ratio in zip(STYLES, ratios, strict=True):
        figures.at_most(f"feed-forward, {name}: style loss as a multiple of the optimised one's", ratio, 3.0)


def dream(figures: Figures) -> None:
    """Every octave of a dream, and how soon another one is dreamt after one is cancelled."""
    image = picture(DREAMT)
    with service("dream") as one:
        responses = list(dreamt(one, image, steps=OCTAVE_STEPS))
        waited = [_wait_after_a_cancelled_one(one, image) for _ in range(CANCELLED)]
    progress = [each.progress for each in responses if each.HasField("progress")]
    for octave in range(progress[-1].total_octaves):
        objectives = [each.objective for each in progress if each.octave == octave]
        figures.at_least(f"dream, octave {octave}: objective at its end to start", objectives[-1] / objectives[0], 1.5)
    made = pixels_of(responses[-1].result.image)
    _draw("dream", [image, made], 2)
    figures.equal("dream: size of the result", list(made.shape), [SIDE, SIDE, 3])
    extremes = float(np.mean((made == 0) | (made == 255)))
    figures.measured("dream: share of values at the ends of the range, which nothing leaves", extremes)
    figures.at_most("dream: steps that another one waits for a cancelled one", median(waited), 1.0, each=waited)


def picture(name: str) -> Pixels:
    """The middle of a bundled photograph, uint8 (256, 256, 3)."""
    pixels = photograph(name)
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    square = pixels[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def optimised(one: Service, content: Pixels, style: Pixels, steps: int) -> Optimised:
    """The content in the style, step by step."""
    request = translator_pb2.StylizeRequest(model="gatys", image=raw(content), style_image=raw(style))
    request.optimisation.steps = steps
    request.output.CopyFrom(raw_output())
    started = time.monotonic()
    losses, moments, result = [], [], None
    for response in one.stub.Stylize(request, timeout=TIMEOUT_S):
        moments.append(time.monotonic())
        if response.HasField("progress"):
            losses.append(response.progress.style_loss)
        else:
            result = pixels_of(response.result.image)
    assert result is not None
    gaps = np.diff(moments[WARM:-1]) if len(moments) > WARM + 2 else np.zeros(1)
    return Optimised(result, losses, moments[-1] - started, float(np.median(gaps)))


def style_loss(one: Service, image: Pixels, style: Pixels) -> float:
    """What an image, as it is, has of the style loss: that before the first step."""
    return optimised(one, image, style, 1).style_losses[0]


def dreamt(one: Service, image: Pixels, *, steps: int, octaves: int = 0) -> Any:
    """The responses of a dream, as gRPC's own call, which can be cancelled."""
    request = translator_pb2.DreamRequest(image=raw(image), seed=0, steps=steps, octaves=octaves)
    request.output.CopyFrom(raw_output())
    return one.stub.Dream(request, timeout=TIMEOUT_S)


def _in_one_pass(one: Service, content: Pixels, style: Pixels) -> tuple[Pixels, float]:
    """The stylised image, and the seconds of a call: the median of some."""
    request = translator_pb2.StylizeRequest(model="stylizer", image=raw(content), style_image=raw(style))
    request.output.CopyFrom(raw_output())
    seconds, made = [], content
    for _ in range(WARM + CALLS):
        started = time.monotonic()
        *_, answer = one.stub.Stylize(request, timeout=TIMEOUT_S)
        seconds.append(time.monotonic() - started)
        made = pixels_of(answer.result.image)
    return made, median(seconds[WARM:])


def _torch_step() -> float:
    """Seconds of a step with torch's own gradients, through the same features, without the first ones."""
    run = finished_run(RUNS / FEATURES, f"python -m training {FEATURES}")
    stack = load_features(run).stack
    content, style = (to_tensor(picture(name)[np.newaxis]) for name in (CONTENT, STYLES[0]))
    seconds = []
    for steps in (WARM, WARM + TIMED):
        started = time.monotonic()
        stylise(stack, content, style, replace(settings_for(stack), steps=steps))
        seconds.append(time.monotonic() - started)
    return (seconds[1] - seconds[0]) / TIMED


def _wait_after_a_cancelled_one(one: Service, image: Pixels) -> float:
    """How many steps later the first response of a dream comes because another one was cancelled just before."""
    alone = median(_until_first(one, image) for _ in range(3))
    moments, call = [], dreamt(one, image, steps=500, octaves=1)
    for _ in call:
        moments.append(time.monotonic())
        if len(moments) == WARM + 4:
            break
    call.cancel()
    step = float(np.median(np.diff(moments[WARM:])))
    return round(max(0.0, _until_first(one, image) - alone) / step, 2)


def _until_first(one: Service, image: Pixels) -> float:
    """Seconds until the first response of a dream of one step."""
    started = time.monotonic()
    responses = dreamt(one, image, steps=1, octaves=1)
    next(responses)
    seconds = time.monotonic() - started
    for _ in responses:
        pass
    return seconds


def _draw(name: str, cells: list[Pixels], columns: int) -> None:
    file = OUT / f"{name}.png"
    save_png(file, sheet(cells, columns))
    sys.stderr.write(f"what was made: {file}\n")
