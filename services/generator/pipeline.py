"""Makes images of latent vectors: what is asked of the engine at once, and how the answer is written."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from imago.v1 import generator_pb2
from services.generator.catalogue import GeneratorModel
from services.generator.interpolation import Walk
from services.generator.latents import Points
from services.runtime.errors import ImagoError, InvalidInput
from services.runtime.images import Pixels
from services.runtime.model import Tensor
from services.runtime.typed import EncodeImage, TypedCall

T = TypeVar("T")
Images = list[generator_pb2.GeneratedImage]


async def make_images(points: Points, model: GeneratorModel, encode: EncodeImage, call: TypedCall) -> Images:
    """An image of each point, in order. Raises as `Engine.infer` does."""

    async def ask(piece: Points) -> tuple[Pixels, Tensor | None]:
        outputs = await call.infer(model.config, model.version, model.inputs(piece))
        return model.images(outputs, len(piece))

    made = await _together([ask(piece) for piece in cut(points, model.most_rows)])
    # One change of threads for all of them: for small images it costs as much as encoding some.
    return await asyncio.to_thread(_written, points, made, model, encode)


def cut(points: Points, most_rows: int) -> Iterator[Points]:
    """The points in pieces of at most so many rows."""
    for start in range(0, len(points), most_rows):
        yield points.slice(start, start + most_rows)


async def _together(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all; when one fails, nobody waits for the others."""
    if len(works) == 1:
        return [await works[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except* ImagoError as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _written(
    points: Points, made: Sequence[tuple[Pixels, Tensor | None]], model: GeneratorModel, encode: EncodeImage
) -> Images:
    pixels = [image for images, _ in made for image in images]
    realness = [value for _, values in made if values is not None for value in values.tolist()]
    images = []
    for row, origin in enumerate(points.origins):
        image = generator_pb2.GeneratedImage(
            image=encode(pixels[row]),
            latent=generator_pb2.LatentVector(
                values=points.latents[row].tolist(), model=model.name, version=model.version, space=model.space.name
            ),
            label=model.labels[points.classes[row]] if model.labels else "",
        )
        if origin is not None:
            image.seed, image.index = origin
        if realness:
            image.realness = realness[row]
        images.append(image)
    return images


def check_size(response: generator_pb2.GenerateResponse, most_bytes: int) -> None:
    """Raises InvalidInput when the images are more than a message may hold: gRPC would say it less clearly."""
    size = response.ByteSize()
    if size > most_bytes:
        count, mib = len(response.images), 2**20
        raise InvalidInput(
            f"count is {count}: so many images have {size / mib:.1f} MiB together, and a message at most "
            f"{most_bytes / mib:g}; ask for fewer, or for JPEG",
            field="count",
        )


async def walk_along(
    walk: Walk, model: GeneratorModel, encode: EncodeImage, new_call: Callable[[], TypedCall]
) -> AsyncGenerator[generator_pb2.InterpolateResponse, None]:
    """The images of a way, each as soon as it is ready; close it when nobody wants more.

    While some are sent the next ones are made, and never more than those: whoever reads slowly is not worked ahead of.
    """

    async def part(start: int) -> list[generator_pb2.InterpolateResponse]:
        points = walk.points(start, min(start + model.most_rows, len(walk)))
        call = new_call()
        images = await make_images(points, model, encode, call)
        timing = call.timing()
        return [
            generator_pb2.InterpolateResponse(
                index=index, total=len(walk), position=walk.position(index), image=image, timing=timing
            )
            for index, image in enumerate(images, start)
        ]

    following = asyncio.create_task(part(0))
    try:
        for start in range(model.most_rows, len(walk) + model.most_rows, model.most_rows):
            ready = await following
            if start < len(walk):
                following = asyncio.create_task(part(start))
            for response in ready:
                yield response
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
