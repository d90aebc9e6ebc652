"""`make demo`: pictures through the gateway, back with what was found marked, and pictures that never were.

The photographs are those that the installed scikit-image carries; nothing is downloaded. The crowd, of which some wear
masks, is rendered. Every generator that is served makes a grid. A model that is not there is not asked.
"""

import argparse
import asyncio
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from deploy.local import addresses, printer
from deploy.stack import GATEWAY, HOST, ROOT, SERVICES, Stack, StackError, any_ports, run
from imago import albums, draw, tables
from imago.client import Imago
from imago.errors import ImagoClientError
from imago.images import to_pillow

PHOTOGRAPHS = ("astronaut.png", "camera.png", "chelsea.png")
"""A face from the front, one from behind a camera, and a cat: what a detector should find, may find, and should not."""
CROWD = ROOT / "docs" / "images" / "crowd.jpg"
FACES = ("faces:face_hog", "faces:face_mmod", "faces:face_haar")
OBJECTS, MASKS = "object_detector", "mask_detector"
GENERATES = "image-generation"
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
        generate(imago, [model.name for model in models if model.task == GENERATES], out, console)
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


def questions(there: Collection[str]) -> list[tuple[Path, list[str]]]:
    """The pictures, each with the parts that are asked about it, of the models that are there."""
    parts = [*FACES, *([f"objects:{OBJECTS}"] if OBJECTS in there else [])]
    crowd = [(CROWD, [f"face_masks:{MASKS}"])] if MASKS in there else []
    return [*((photograph, parts) for photograph in photographs()), *crowd]


def photographs() -> Iterator[Path]:
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise StackError("scikit-image, whose photographs the demo analyses, is not installed; run `make demo`.")
    for name in PHOTOGRAPHS:
        yield Path(package.origin).parent / "data" / name


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
