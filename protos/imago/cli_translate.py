"""`imago translate`, `imago stylize` and `imago dream`: new pictures made of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from imago.albums import MOVING_SUFFIXES
from imago.cli_options import AsJson, AtOnce, Server, Timeout, plan_or_refuse
from imago.client import DEFAULT_SERVER, DEFAULT_TIMEOUT_S, Imago
from imago.draw import SUFFIXES
from imago.images import to_image
from imago.options import DreamOptions, StylizeOptions, TranslateOptions
from imago.outputs import Job, expand, made_suffixes
from imago.terminal import failures_in_one_line
from imago.translating import Making
from imago.v1.translator_pb2 import (
    OUTPUT_SIZE_MODEL,
    OUTPUT_SIZE_ORIGINAL,
    DreamTarget,
    OutputSize,
    StyleOptimisation,
    WeightedStyle,
)

LARGEST_SEED = 2**64 - 1
OPTIMISING = "Models that optimise"

Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO|DIR", help="JPEG, PNG or WebP files, or folders of them.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="Where the new pictures are to lie.")
]
SideBySide = Annotated[
    bool, typer.Option("--side-by-side", help="Write what a picture was made of beside it, into the same file.")
]
ModelSize = Annotated[
    bool, typer.Option("--model-size", help="As large as the model makes it; else as large as the photo.")
]
LongestSide = Annotated[int | None, typer.Option(min=64, max=4096, metavar="PIXELS", help="Work at most at this size.")]
Film = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also an animation of how it came about: .gif, .webp, .webm, .mp4.")
]
Patience = Annotated[
    float | None, typer.Option("--timeout", min=0.001, metavar="SECONDS", help="Most time for one picture.")
]


def translate(  # noqa: PLR0913 - a parameter is a flag
    *,
    photos: Photos,
    output: Output = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A family such as maps, or one model; else the server chooses.")
    ] = "",
    direction: Annotated[
        str, typer.Option("--direction", "-d", help="e.g. aerial_to_map; else the family's first.")
    ] = "",
    cycle: Annotated[bool, typer.Option("--cycle", help="Also translate back, and tell how much is lost.")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="Of the noise, for models that draw some.")
    ] = None,
    model_size: ModelSize = False,
    side_by_side: SideBySide = False,
    at_once: AtOnce = 4,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Turn pictures of one kind into another: aerial photographs into maps, cows into horses, and back."""
    options = TranslateOptions(model=model, direction=direction, cycle=cycle, size=_size(model_size))
    if seed is not None:
        options["seed"] = seed
    with failures_in_one_line(), Imago(server, timeout_s=timeout) as client:
        jobs = _jobs(photos, output, as_json)
        _end(Making(client, side_by_side, as_json, at_once).translate(jobs, options))


def stylize(  # noqa: PLR0913 - a parameter is a flag
    *,
    photos: Photos,
    style: Annotated[
        list[str] | None,
        typer.Option("--style", metavar="FILE[=WEIGHT]", help="A picture in the style. Repeatable: blended."),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--named", metavar="NAME[=WEIGHT]", help="A style that the model knows. Repeatable."),
    ] = None,
    output: Output = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="stylizer, at once; gatys, step by step; else the server chooses.")
    ] = "",
    strength: Annotated[
        float | None, typer.Option(min=0, max=1, help="How much of the style; 0 is the photo, 1 all of it.")
    ] = None,
    preserve_colour: Annotated[bool, typer.Option("--preserve-colour", help="Keep the colours of the photo.")] = False,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to stylise: white everything, black nothing.")
    ] = None,
    longest_side: LongestSide = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Steps of the optimiser.", rich_help_panel=OPTIMISING)
    ] = None,
    content_weight: Annotated[
        float | None, typer.Option(min=0, help="Of the loss of content.", rich_help_panel=OPTIMISING)
    ] = None,
    style_weight: Annotated[
        float | None, typer.Option(min=0, help="Of the loss of style.", rich_help_panel=OPTIMISING)
    ] = None,
    noise_seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=LARGEST_SEED, help="Start from noise instead of the photo.", rich_help_panel=OPTIMISING
        ),
    ] = None,
    film: Film = None,
    model_size: ModelSize = False,
    side_by_side: SideBySide = False,
    at_once: AtOnce = 2,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Patience = None,
) -> None:
    """Give pictures the style of another one."""
    options = StylizeOptions(
        model=model, preserve_colour=preserve_colour, longest_side=longest_side or 0, size=_size(model_size)
    )
    if strength is not None:
        options["strength"] = strength
    optimisation = StyleOptimisation(
        steps=steps, content_weight=content_weight, style_weight=style_weight, noise_seed=noise_seed
    )
    if film is not None:
        optimisation.preview_every_steps = 1
    if optimisation.ListFields():
        options["optimisation"] = optimisation
    styles = _styles(style or [], named or [])
    with failures_in_one_line(), Imago(server) as client:
        jobs = _jobs(photos, output, as_json, film)
        if mask is not None:
            options["mask"] = mask
        making = Making(client, side_by_side, as_json, at_once, film, timeout)
        _end(making.stylize(jobs, styles, options))


def dream(  # noqa: PLR0913 - a parameter is a flag
    *,
    photos: Photos,
    output: Output = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Which dreamer; else the server chooses.")] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER[:CHANNEL][=WEIGHT]", help="What to strengthen; less than 0 weakens. Repeatable."),
    ] = None,
    guide: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture whose shapes the dream is drawn to.")
    ] = None,
    octaves: Annotated[int | None, typer.Option(min=1, max=10, help="Sizes to dream at, from small to large.")] = None,
    octave_scale: Annotated[float | None, typer.Option(min=1.01, max=2, help="From one size to the next.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=500, help="Steps at each size.")] = None,
    step_size: Annotated[
        float | None, typer.Option(min=0.0001, max=0.5, help="Mean change of a pixel in a step, of 0 to 1.")
    ] = None,
    jitter: Annotated[int | None, typer.Option(min=0, max=128, help="Random shift before a step, in pixels.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="The same gives the same dream; else a random one.")
    ] = None,
    longest_side: LongestSide = None,
    film: Film = None,
    model_size: ModelSize = False,
    side_by_side: SideBySide = False,
    at_once: AtOnce = 2,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    timeout: Patience = None,
) -> None:
    """Strengthen what a network sees in pictures, until people see it too."""
    targets = [_target(text) for text in layer or []]
    options = DreamOptions(model=model, targets=targets, size=_size(model_size))
    given = {
        "octaves": octaves,
        "octave_scale": octave_scale,
        "steps": steps,
        "step_size": step_size,
        "jitter": jitter,
        "seed": seed,
        "longest_side": longest_side,
        "guide": guide,
        "preview_every_steps": None if film is None else 1,
    }
    options.update({name: value for name, value in given.items() if value is not None})  # type: ignore[typeddict-item]
    with failures_in_one_line(), Imago(server) as client:
        jobs = _jobs(photos, output, as_json, film)
        _end(Making(client, side_by_side, as_json, at_once, film, timeout).dream(jobs, options))


def _jobs(photos: Sequence[Path], output: Path | None, as_json: bool, film: Path | None = None) -> list[Job]:
    """What is to be read and written; a command line that makes no sense is refused before anything is sent."""
    if output is None and not as_json and film is None:
        raise typer.BadParameter("say where the pictures are to lie, or ask for --json.", param_hint="--output")
    jobs = plan_or_refuse(expand(photos, tuple(SUFFIXES)), output, made_suffixes)
    if film is not None:
        if len(jobs) > 1:
            raise typer.BadParameter(f"it shows one picture, and {len(jobs)} are given.", param_hint="--film")
        if film.suffix.lower() not in MOVING_SUFFIXES:
            sentence = f"{film} cannot be written: its name must end with {', '.join(MOVING_SUFFIXES)}."
            raise typer.BadParameter(sentence, param_hint="--film")
    return jobs


def _end(whole: bool) -> None:
    if not whole:
        raise typer.Exit(1)


def _size(model_size: bool) -> OutputSize.ValueType:
    return OUTPUT_SIZE_MODEL if model_size else OUTPUT_SIZE_ORIGINAL


def _styles(files: Sequence[str], names: Sequence[str]) -> list[WeightedStyle]:
    """The pictures and names with their weights."""
    if not files and not names:
        raise typer.BadParameter("give a picture, or a --named style.", param_hint="--style")
    styles = []
    for text in files:
        file, weight = _weighted(text, "--style")
        try:
            styles.append(WeightedStyle(image=to_image(file), weight=weight))
        except OSError as error:
            raise typer.BadParameter(f"{file}: {error.strerror}.", param_hint="--style") from error
    for text in names:
        name, weight = _weighted(text, "--named")
        styles.append(WeightedStyle(name=name, weight=weight))
    return styles


def _weighted(text: str, flag: str) -> tuple[str, float]:
    """What stands before "=WEIGHT", and the weight, 0 where there is none."""
    what, equals, weight = text.rpartition("=")
    if not equals or Path(text).exists():
        return text, 0.0
    try:
        return what, float(weight)
    except ValueError:
        raise typer.BadParameter(f"{weight} in {text} is no weight.", param_hint=flag) from None


def _target(text: str) -> DreamTarget:
    where, weight = _weighted(text, "--layer")
    layer, colon, channel = where.partition(":")
    if colon and not (channel.isascii() and channel.isdigit()):
        raise typer.BadParameter(f"{channel or 'nothing'} in {text} is no channel.", param_hint="--layer")
    return DreamTarget(layer=layer, channel=int(channel) if colon else None, weight=weight)
