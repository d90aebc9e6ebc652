"""`imago generate` and `imago interpolate`: images that never were, in a grid, in a folder or as an animation."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from imago.albums import MOVING_SUFFIXES
from imago.cli_options import AsJson, Server, Timeout
from imago.client import DEFAULT_SERVER, DEFAULT_TIMEOUT_S, Imago
from imago.draw import SUFFIXES
from imago.generating import SEED_BITS, Generating
from imago.options import GenerateOptions, InterpolateOptions
from imago.outputs import OutputError, Suffixes, check_suffix
from imago.terminal import failures_in_one_line
from imago.v1.generator_pb2 import (
    INTERPOLATION_METHOD_LINEAR,
    INTERPOLATION_METHOD_SPHERICAL,
    INTERPOLATION_METHOD_UNSPECIFIED,
    InterpolationMethod,
    InterpolationStop,
)

LARGEST_SEED = 2**64 - 1
LARGEST_INDEX = 2**32 - 1
STOPS_UNLESS_SAID = 3
METHODS = {
    "": INTERPOLATION_METHOD_UNSPECIFIED,
    "linear": INTERPOLATION_METHOD_LINEAR,
    "spherical": INTERPOLATION_METHOD_SPHERICAL,
}

Model = Annotated[str, typer.Option("--model", "-m", help="Which generator; else the server chooses.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="LABEL[,LABEL]", help="The class to show: one, or one for each. Repeatable."),
]
Truncation = Annotated[
    float | None, typer.Option(min=0, max=1, help="Less is more typical and less varied; 1 is as trained.")
]
Zoom = Annotated[int, typer.Option(min=1, max=16, help="Side of the square that a pixel becomes.")]


def generate(  # noqa: PLR0913 - a parameter is a flag
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="A file for a grid, or a folder for one file each."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000, help="How many images.")] = 16,
    model: Model = "",
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="The same gives the same images; else a random one.")
    ] = None,
    first: Annotated[int, typer.Option(min=0, max=LARGEST_INDEX, help="Index of the first image of the seed.")] = 0,
    label: Labels = None,
    truncation: Truncation = None,
    columns: Annotated[int, typer.Option(min=0, help="Of the grid; 0: as many as rows.")] = 0,
    zoom: Zoom = 1,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Make images that never were, and tell the seed that makes them again."""
    _check_output(output, tuple(SUFFIXES), as_json)
    options = GenerateOptions(model=model, first_index=first)
    if labels := _split(label):
        if len(labels) not in (1, count):
            raise typer.BadParameter(f"give one, or {count} for {count} images.", param_hint="--label")
        options["labels"] = labels
    if seed is not None:
        options["seed"] = seed
    if truncation is not None:
        options["truncation"] = truncation
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        Generating(client, output, zoom, as_json).images(count, options, columns)


def interpolate(  # noqa: PLR0913 - a parameter is a flag
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE|DIR", help="A .gif, .webp, .webm or .mp4, or a folder of numbered images."
        ),
    ] = None,
    stops: Annotated[
        int | None, typer.Option(min=2, max=16, help="How many images of one seed to pass.", show_default="3")
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, max=LARGEST_SEED, help="The seed of all stops, or repeated: one for each stop."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=256, help="Images from one stop to the next.")] = 16,
    model: Model = "",
    label: Labels = None,
    truncation: Truncation = None,
    closed: Annotated[bool, typer.Option("--closed", help="Go back to the first stop.")] = False,
    method: Annotated[
        str, typer.Option(metavar="linear|spherical", help="How to go; else as the space of the model needs it.")
    ] = "",
    rate: Annotated[float, typer.Option(min=0.1, max=60, help="Images a second.")] = 15.0,
    zoom: Zoom = 1,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Walk from image to image, through everything that lies between them."""
    _check_output(output, MOVING_SUFFIXES, as_json)
    options = InterpolateOptions(model=model, steps=steps, closed=closed, method=_method(method))
    if truncation is not None:
        options["truncation"] = truncation
    way = _stops(stops, seed or [], _split(label))
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        Generating(client, output, zoom, as_json).walk(way, options, rate)


def _check_output(output: Path | None, suffixes: Suffixes, as_json: bool) -> None:
    if output is None:
        if not as_json:
            raise typer.BadParameter("say where the images are to lie, or ask for --json.", param_hint="--output")
        return
    try:
        check_suffix(output, suffixes)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from error


def _split(labels: Sequence[str] | None) -> list[str]:
    return [label for several in labels or [] for label in several.split(",") if label]


def _method(name: str) -> InterpolationMethod.ValueType:
    if name not in METHODS:
        raise typer.BadParameter(f"there is no {name}; there are linear and spherical.", param_hint="--method")
    return METHODS[name]


def _stops(count: int | None, seeds: Sequence[int], labels: Sequence[str]) -> list[InterpolationStop]:
    """The first images of one seed, or the first image of each of several."""
    if len(seeds) > 1:
        if count not in (None, len(seeds)) or len(seeds) > 16:
            raise typer.BadParameter("give one for all stops, or one for each of up to 16.", param_hint="--seed")
        stops = [InterpolationStop(seed=seed) for seed in seeds]
    else:
        (seed,) = seeds or [secrets.randbits(SEED_BITS)]
        stops = [InterpolationStop(seed=seed, index=index) for index in range(count or STOPS_UNLESS_SAID)]
    if len(labels) not in (0, 1, len(stops)):
        raise typer.BadParameter(f"give one, or {len(stops)} for {len(stops)} stops.", param_hint="--label")
    for stop, label in zip(stops, list(labels) * len(stops) if len(labels) == 1 else labels, strict=False):
        stop.label = label
    return stops
