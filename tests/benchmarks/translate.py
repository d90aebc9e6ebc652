"""What serving costs a translator: images in, images out, beside a bare loop of engine and the same encoding.

`python -m tests.benchmarks.translate REPOSITORY MODEL` prints one JSON line: images/s of every arm in each of five
interleaved rounds, and the mean batch of the served ones. A served round is 400 images that 32 clients send, one a
call, until all are answered. The bare loops (`bare_loop`) read, compute and write batches of 1 and 8. All images have
the side of one of the model's tiles and travel as JPEG, there and back. The clients are this process, which shares the
machine with the server.
"""

import asyncio
import json
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray

from imago.v1 import image_pb2, translator_pb2
from services.runtime.config import finish_config, read_config
from services.runtime.images import ImageLimits, decode, encode_jpeg
from tests.benchmarks.bare_loop import BareModel, Work, bare_process
from tests.benchmarks.generate import counts
from tests.processes import ServerProcess, server_process
from training.render.maps import render_map_pair

IMAGES = 400
DIFFERENT = 16
CLIENTS = 32
BATCHES = (1, 8)
QUALITY = 90
SECONDS = 4.0
ROUNDS = 5
TRANSLATE = "/imago.v1.TranslatorService/Translate"


@dataclass(frozen=True, slots=True)
class Rates:
    """Images/s of the arms "served", "bare 1" and "bare 8" in every round; rows of the mean served batch."""

    images_per_s: dict[str, list[float]]
    mean_batches: list[float]


def measure(repository: Path, model: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> Rates:
    """All arms, in turns."""
    found: dict[str, list[float]] = {**{f"bare {batch}": [] for batch in BATCHES}, "served": []}
    means = []
    files = photographs(repository / model)
    sent = [message(model, files[number % DIFFERENT]) for number in range(IMAGES)]
    folder = repository / model
    with bare_process(_read_translate_and_write, folder, files) as rate, translator(repository, model) as server:
        asyncio.run(ask(server.grpc_address, sent[: 4 * CLIENTS]))  # every size of batch is warm
        for number in range(rounds):
            for batch in BATCHES:
                found[f"bare {batch}"].append(round(rate(seconds, batch), 1))
            before = counts(server, model)
            start = time.monotonic()
            asyncio.run(ask(server.grpc_address, sent))
            found["served"].append(round(IMAGES / (time.monotonic() - start), 1))
            rows, batches = (after - earlier for after, earlier in zip(counts(server, model), before, strict=True))
            means.append(round(rows / batches, 2))
            last = {name: rates[-1] for name, rates in found.items()}
            sys.stderr.write(f"round {number + 1}: {last}, mean batch {means[-1]}\n")
    return Rates(found, means)


def translator(repository: Path, model: str) -> AbstractContextManager[ServerProcess]:
    """The service with one model."""
    return server_process("services.translator", f"--model-repository={repository}", f"--load-model={model}")


def photographs(folder: Path) -> list[bytes]:
    """Rendered towns from the air as JPEG files, of the side of a model's tile."""
    config = finish_config(read_config(folder), folder)
    side = int(json.loads(config.parameter("imago.translation"))["tile"])
    return [encode_jpeg(render_map_pair(seed, side, side)[0], QUALITY) for seed in range(DIFFERENT)]


def message(model: str, file: bytes) -> bytes:
    """A serialised request."""
    request = translator_pb2.TranslateRequest(model=model)
    request.image.encoded = file
    request.output.format, request.output.quality = image_pb2.IMAGE_FORMAT_JPEG, QUALITY
    return request.SerializeToString()


async def ask(address: str, wanted: list[bytes], clients: int = CLIENTS) -> None:
    """Have all requests answered, by so many clients at once, each with one call at a time."""
    places = iter(wanted)
    async with grpc.aio.insecure_channel(address) as channel:
        translate = channel.unary_unary(TRANSLATE, None, None)

        async def client() -> None:
            for request in places:
                await translate(request)

        await asyncio.gather(*(client() for _ in range(clients)))


def _read_translate_and_write(folder: Path, files: list[bytes]) -> Work:
    cv2.setNumThreads(1)
    model, limits = BareModel(folder), ImageLimits()

    def work(batch: int) -> None:
        images: NDArray[np.uint8] = np.stack([decode(file, limits).pixels for file in files[:batch]])
        for pixels in model.infer({"IMAGE": images})["TRANSLATED"]:
            encode_jpeg(pixels, QUALITY)

    return work


if __name__ == "__main__":
    rates = measure(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.write(json.dumps({"images_per_s": rates.images_per_s, "mean_batches": rates.mean_batches}) + "\n")
