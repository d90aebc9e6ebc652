"""Reads requests: checks every range of the contract, and finds or draws the latent vectors that are meant."""

import secrets
from collections.abc import Sequence

import numpy as np

from imago.v1 import generator_pb2
from services.generator.catalogue import GeneratorModel
from services.generator.interpolation import Walk
from services.generator.latents import Classes, Latents, Origin, Points, draw_points
from services.runtime.errors import InvalidInput
from services.runtime.typed import check_range

MOST_IMAGES = 64
LEAST_STOPS, MOST_STOPS = 2, 16
STEPS_UNLESS_SAID, MOST_STEPS = 16, 256
LARGEST_INDEX = 2**32 - 1
_SEED_BITS = 32
"""Of a random seed: few enough to be read out and typed in again."""

_SPHERICAL = {
    generator_pb2.INTERPOLATION_METHOD_LINEAR: False,
    generator_pb2.INTERPOLATION_METHOD_SPHERICAL: True,
}


def read_points(request: generator_pb2.GenerateRequest, model: GeneratorModel) -> Points:
    """What the images of a request are made of.

    Raises:
        InvalidInput: a field out of range, or one that does not go with another, named with its value.
    """
    if request.count:
        check_range("count", request.count, 1, MOST_IMAGES)
    if request.latents:
        return _given(request, model)
    count = request.count or 1
    last = request.first_index + count - 1
    if last > LARGEST_INDEX:
        raise InvalidInput(
            f"first_index is {request.first_index}; with count {count} indices would pass {LARGEST_INDEX}",
            field="first_index",
        )
    seed = request.seed if request.HasField("seed") else secrets.randbits(_SEED_BITS)
    origins = [(seed, index) for index in range(request.first_index, last + 1)]
    points = draw_points(model.space, len(model.labels), origins, _truncation(request))
    return Points(points.latents, _classes(request.labels, count, model), origins) if request.labels else points


def _given(request: generator_pb2.GenerateRequest, model: GeneratorModel) -> Points:
    count = len(request.latents)
    of_the_draw = {
        "seed": str(request.seed) if request.HasField("seed") else "",
        "truncation": f"{request.truncation:g}" if request.HasField("truncation") else "",
        "first_index": str(request.first_index or ""),
    }
    for field, value in of_the_draw.items():
        if value:
            raise InvalidInput(f"{field} is {value}, but latents are given: nothing is drawn", field=field)
    if request.count not in (0, count):
        raise InvalidInput(f"count is {request.count}, but latents has {count} entries", field="count")
    if count > MOST_IMAGES:
        raise InvalidInput(f"latents has {count} entries; it must have at most {MOST_IMAGES}", field="latents")
    if model.labels and not request.labels:
        raise InvalidInput(
            f"labels is empty, and latent vectors have no class that could be drawn; model '{model.name}' knows "
            f"{', '.join(model.labels)}",
            field="labels",
        )
    latents = [read_latent(latent, model, f"latents[{row}]") for row, latent in enumerate(request.latents)]
    return Points(np.stack(latents), _classes(request.labels, count, model), [None] * count)


def read_latent(latent: generator_pb2.LatentVector, model: GeneratorModel, field: str) -> Latents:
    """The values of a vector, float32 (size,).

    Raises:
        InvalidInput: it belongs to another model, version or space, or its values are none of this space.
    """
    stated = {"model": model.name, "version": model.version, "space": model.space.name}
    for key, wanted in stated.items():
        if (value := getattr(latent, key)) not in ("", wanted):
            raise InvalidInput(
                f"{field}.{key} is '{value}'; it is sent to {key} '{wanted}', which does not understand it",
                field=f"{field}.{key}",
            )
    values = np.array(latent.values, np.float32)
    model.space.check(values, f"{field}.values")
    return values


def _classes(labels: Sequence[str], count: int, model: GeneratorModel) -> Classes:
    """The numbers of the classes that are asked for, int64 (count,)."""
    numbers = [model.number_of(label, f"labels[{place}]") for place, label in enumerate(labels)]
    if len(numbers) not in (0, 1, count):
        raise InvalidInput(
            f"labels has {len(numbers)} entries; it must have one for all images, or {count}", field="labels"
        )
    return np.broadcast_to(np.array(numbers or [0], np.int64), count)


def _truncation(request: generator_pb2.GenerateRequest | generator_pb2.InterpolateRequest) -> float:
    if not request.HasField("truncation"):
        return 1.0
    if not 0 < request.truncation <= 1:  # NaN fails both
        raise InvalidInput(
            f"truncation is {request.truncation:g}; it must be above 0 and at most 1", field="truncation"
        )
    return request.truncation


def read_walk(request: generator_pb2.InterpolateRequest, model: GeneratorModel) -> Walk:
    """The way that a request describes.

    Raises:
        InvalidInput: a field out of range, or one that does not go with another, named with its value.
    """
    if not LEAST_STOPS <= len(request.stops) <= MOST_STOPS:
        must = f"it must have {LEAST_STOPS} to {MOST_STOPS}"
        raise InvalidInput(f"stops has {len(request.stops)} entries; {must}", field="stops")
    if request.steps:
        check_range("steps", request.steps, 1, MOST_STEPS)
    if request.method not in (generator_pb2.INTERPOLATION_METHOD_UNSPECIFIED, *_SPHERICAL):
        known = ", ".join(generator_pb2.InterpolationMethod.Name(number) for number in _SPHERICAL)
        raise InvalidInput(f"method is {request.method}; known are {known}", field="method")
    return Walk(
        space=model.space,
        stops=_stops(request, model),
        steps=request.steps or STEPS_UNLESS_SAID,
        closed=request.closed,
        great_circles=_SPHERICAL.get(request.method, model.space.distribution == "normal"),
    )


def _stops(request: generator_pb2.InterpolateRequest, model: GeneratorModel) -> Points:
    truncation = _truncation(request)
    if request.HasField("truncation") and not any(stop.HasField("seed") for stop in request.stops):
        raise InvalidInput(f"truncation is {truncation:g}, but no stop is a seed: nothing is drawn", field="truncation")
    latents, origins = [], []
    classes: list[int] = []
    for place, stop in enumerate(request.stops):
        field = f"stops[{place}]"
        latent, drawn, origin = _stop(stop, model, truncation, field)
        if stop.label:
            drawn = model.number_of(stop.label, f"{field}.label")
        elif classes:
            drawn = classes[-1]
        elif drawn is None:
            known = ", ".join(model.labels)
            raise InvalidInput(
                f"{field}.label is empty, and a latent vector has no class that could be drawn; model '{model.name}' "
                f"knows {known}",
                field=f"{field}.label",
            )
        latents.append(latent)
        classes.append(drawn)
        origins.append(origin)
    return Points(np.stack(latents), np.array(classes, np.int64), origins)


def _stop(
    stop: generator_pb2.InterpolationStop, model: GeneratorModel, truncation: float, field: str
) -> tuple[Latents, int | None, Origin | None]:
    """The vector of a stop, the class that was drawn with it (None where none can be), and its origin."""
    match stop.WhichOneof("point"):
        case "seed":
            origin = (stop.seed, stop.index)
            drawn = draw_points(model.space, len(model.labels), [origin], truncation)
            return drawn.latents[0], int(drawn.classes[0]), origin
        case "latent":
            if stop.index:
                raise InvalidInput(
                    f"{field}.index is {stop.index}, but a latent vector is given: nothing is drawn",
                    field=f"{field}.index",
                )
            return read_latent(stop.latent, model, f"{field}.latent"), None if model.labels else 0, None
        case _:
            raise InvalidInput(f"{field} has neither a seed nor a latent vector", field=field)
