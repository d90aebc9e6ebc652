"""`make demo`: pictures through the gateway, back with what was found marked, and pictures that never were.

The photographs are those that the installed scikit-image carries; nothing is downloaded. The crowd, of which some wear
masks, is rendered, and so are towns and animals. Every generator that is served makes a grid, and whatever translates,
stylises or dreams a picture beside what it was made of. A model that is not there is not asked.
"""

import argparse
import asyncio
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from PIL import Image
from rich.console import Console

from deploy.local import addresses, printer
from deploy.stack import GATEWAY, HOST, ROOT, SERVICES, Stack, StackError, any_ports, run
from imago import albums, draw, tables
from imago.client import Imago
from imago.errors import ImagoClientError
from imago.images import to_pillow
from imago.v1.gateway_pb2 import ModelInfo
from imago.v1.translator_pb2 import DreamResponse, StylizeResponse

PHOTOGRAPHS = ("astronaut.png", "camera.png", "chelsea.png")
"""A face from the front, one from behind a camera, and a cat: what a detector should find, may find, and should not."""
RENDERED = ROOT / "docs" / "images"
CROWD = RENDERED / "crowd.jpg"
CONTENT, STYLE, DREAMT = "chelsea.png", "retina.jpg", "coffee.png"
FACES = ("faces:face_hog", "faces:face_mmod", "faces:face_haar")
OBJECTS, MASKS = "object_detector", "mask_detector"
GENERATES, TRANSLATES, DREAMS = "image-generation", "image-translation", "image-dreaming"
STYLIZES = ("image-stylization", "style-optimization")
LONGEST_SIDE = 320
"""Of what is stylised and dreamt into, in pixels."""
Answer = TypeVar("Answer", StylizeResponse, DreamResponse)

GRID = 16
SEED = 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo", description="Analyse and make pictures, and keep serving."
    )
    parser.add_argument("--once", action="store_true", help="stop when the pictures are done")
    parser.add_argument("--any-port", action="store_true", help="let the system choose the ports")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for the pictures")
    options = parser.parse_args(arguments)
    services, (gateway,) = (any_ports(*SERVICES), any_ports(GATEWAY)) if options.any_port else (SERVICES, (GATEWAY,))
    # A log or a pipe has no width of its own; tables that are folded at 80 columns are hard to read.
    console = Console(width=None if sys.stdout.isatty() else 120)
    say = printer(Console(stderr=True))

    async def work(stack: Stack) -> None:
        server = f"{HOST}:{stack.ports['gateway'].grpc}"
        await asyncio.to_thread(show, server, options.out, console)
        if not options.once:
            say("stack", addresses(stack))
            await asyncio.Event().wait()

    return asyncio.run(run(services, gateway, say, work))


def show(server: str, out: Path, console: Console) -> None:
    """Do all that there are models for, write pictures to `out` and print what each service answered.

    Raises:
        StackError: a part failed, or the server cannot be reached.
    """
    out.mkdir(parents=True, exist_ok=True)
    with Imago(server) as imago:
        try:
            models = [model for model in imago.models().models if model.ready]
        except ImagoClientError as error:
            raise StackError(f"The models could not be listed: {error}") from None
        failed = analyse(imago, questions({model.name for model in models}), out, console)
        generate(imago, named(models, GENERATES), out, console)
        translate(imago, named(models, TRANSLATES), out, console)
        stylize(imago, named(models, *STYLIZES), out, console)
        dream(imago, named(models, DREAMS), out, console)
    console.print(f"\nThe pictures are in {out}: one for each picture and model.\n")
    if failed:
        raise StackError(f"{len(failed)} parts failed, the first with: {failed[0]}")


def analyse(imago: Imago, asked: Iterable[tuple[Path, list[str]]], out: Path, console: Console) -> list[str]:
    """Annotated copies of pictures, one for each model that was asked; returns why parts failed."""
    failed = []
    for picture, parts in asked:
        try:
            answer = imago.analyze(picture, parts=parts)
        except ImagoClientError as error:
            raise StackError(f"{picture.name} was not analysed: {error}") from None
        console.print(f"\n[bold]{picture.name}[/], {answer.elapsed_us / 1000:.0f} ms in all")
        console.print(tables.parts(answer))
        for part in answer.parts:
            copy = out / f"{picture.stem}-{part.part.model}.jpg"
            draw.save(draw.annotate(picture.read_bytes(), list(tables.part_detections(part))), copy)
        failed += [part.status.message for part in answer.parts if part.status.code]
    return failed


def generate(imago: Imago, models: Iterable[str], out: Path, console: Console) -> None:
    """A grid of the first images of a seed, for each model."""
    for name in models:
        try:
            answer = imago.generate(model=name, count=GRID, seed=SEED)
        except ImagoClientError as error:
            raise StackError(f"Model {name} made no images: {error}") from None
        pictures = [to_pillow(made.image) for made in answer.images]
        albums.save_grid(pictures, out / f"{name}.png")
        console.print(f"\n[bold]{name}.png[/]")
        console.print(tables.generated(out / f"{name}.png", answer.images, pictures[0].size, answer.timing))


def translate(imago: Imago, models: Iterable[str], out: Path, console: Console) -> None:
    """A picture for each translator: what goes in, beside what comes out."""
    for name in models:
        source = given_to(name)
        try:
            answer = imago.translate(source, model=name)
        except ImagoClientError as error:
            raise StackError(f"Model {name} did not translate {source.name}: {error}") from None
        picture = out / f"{name}.png"
        row = [draw.upright(source.read_bytes()), to_pillow(answer.image)]
        draw.save(albums.side_by_side(row), picture)
        console.print(f"\n[bold]{picture.name}[/]", tables.translated([(Path(source.name), answer)]), sep="\n")


def stylize(imago: Imago, models: Iterable[str], out: Path, console: Console) -> None:
    """A picture for each styliser: content, style, and the one in the other."""
    content, style = small(CONTENT), small(STYLE)
    for name in models:
        answer = last(imago.stylize(content, style, model=name), name, console)
        picture = out / f"{name}.png"
        draw.save(albums.side_by_side([content, style, to_pillow(answer.result.image)]), picture)
        console.print(f"\n[bold]{picture.name}[/]", tables.stylized([(Path(CONTENT), answer)]), sep="\n")


def dream(imago: Imago, models: Iterable[str], out: Path, console: Console) -> None:
    """A picture for each model that dreams, beside what it dreamt into."""
    source = small(DREAMT)
    for name in models:
        answer = last(imago.dream(source, model=name, seed=SEED), name, console)
        picture = out / f"{name}.png"
        draw.save(albums.side_by_side([source, to_pillow(answer.result.image)]), picture)
        console.print(f"\n[bold]{picture.name}[/]", tables.dreamt([(Path(DREAMT), answer)]), sep="\n")


def last(answers: Iterable[Answer], model: str, console: Console) -> Answer:
    """The answer with the result; those before it are told as they come."""
    answer = None
    try:
        with console.status(f"{model} ...") as status:
            for answer in answers:
                step = answer.progress
                status.update(f"{model}: step {step.step} of {step.total_steps} ...")
    except ImagoClientError as error:
        raise StackError(f"Model {model} made no picture: {error}") from None
    if answer is None:
        raise StackError(f"Model {model} made no picture and said nothing.")
    return answer


def small(name: str) -> Image.Image:
    """A photograph at a size at which optimising takes seconds, not minutes."""
    picture = draw.upright(photograph(name).read_bytes())
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture


def given_to(translator: str) -> Path:
    """A picture of the domain that a translator's name begins with; a cat where there is none of it."""
    picture = RENDERED / f"{translator.partition('_to_')[0]}.jpg"
    return picture if picture.is_file() else photograph(CONTENT)


def named(models: Iterable[ModelInfo], *tasks: str) -> list[str]:
    """The names of the models that do one of these, each once."""
    return list(dict.fromkeys(model.name for model in models if model.task in tasks))


def questions(there: Collection[str]) -> list[tuple[Path, list[str]]]:
    """The pictures, each with the parts that are asked about it, of the models that are there."""
    parts = [*FACES, *([f"objects:{OBJECTS}"] if OBJECTS in there else [])]
    crowd = [(CROWD, [f"face_masks:{MASKS}"])] if MASKS in there else []
    return [*((photograph, parts) for photograph in photographs()), *crowd]


def photographs() -> Iterator[Path]:
    yield from map(photograph, PHOTOGRAPHS)


def photograph(name: str) -> Path:
    """One of the pictures that scikit-image carries."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise StackError("scikit-image, whose photographs the demo analyses, is not installed; run `make demo`.")
    return Path(package.origin).parent / "data" / name


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
