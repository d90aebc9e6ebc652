"""What serving costs a generator: seeds in, PNG files out, beside a bare loop of engine and the same encoding.

`python -m tests.benchmarks.generate REPOSITORY MODEL` prints one JSON line: images/s of every arm in each of five
interleaved rounds, and the mean batch of the served ones. A served round is 1,000 images that 32 clients ask for,
eight a call, until all are there. The bare loops (`bare_loop`) compute batches of 1, 8 and 32 from latent vectors that
are there already. The clients are this process, which shares the machine with the server.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray

from imago.v1 import generator_pb2
from services.runtime.images import encode_png
from tests.benchmarks.bare_loop import BareModel, Work, bare_process
from tests.processes import ServerProcess, server_process

IMAGES = 1000
CLIENTS = 32
EACH = 8
"""Images of a call."""
BATCHES = (1, 8, 32)
SECONDS = 4.0
ROUNDS = 5
GENERATE = "/imago.v1.GeneratorService/Generate"


@dataclass(frozen=True, slots=True)
class Rates:
    """Images/s of the arms "served" and "bare 1", "bare 8", "bare 32" in every round; rows of the mean served batch."""

    images_per_s: dict[str, list[float]]
    mean_batches: list[float]


def measure(repository: Path, model: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> Rates:
    """All arms, in turns."""
    found: dict[str, list[float]] = {**{f"bare {batch}": [] for batch in BATCHES}, "served": []}
    means = []
    with bare_process(_make_and_encode, repository / model) as rate, generator(repository, model) as server:
        asyncio.run(ask(server.grpc_address, messages(model, CLIENTS * EACH)))  # every size of batch is warm
        for number in range(rounds):
            for batch in BATCHES:
                found[f"bare {batch}"].append(round(rate(seconds, batch), 1))
            before = counts(server, model)
            start = time.monotonic()
            asyncio.run(ask(server.grpc_address, messages(model, IMAGES)))
            found["served"].append(round(IMAGES / (time.monotonic() - start), 1))
            rows, batches = (after - earlier for after, earlier in zip(counts(server, model), before, strict=True))
            means.append(round(rows / batches, 2))
            last = {name: rates[-1] for name, rates in found.items()}
            sys.stderr.write(f"round {number + 1}: {last}, mean batch {means[-1]}\n")
    return Rates(found, means)


def generator(repository: Path, model: str) -> AbstractContextManager[ServerProcess]:
    """The service with one model."""
    return server_process("services.generator", f"--model-repository={repository}", f"--load-model={model}")


def messages(model: str, images: int, each: int = EACH) -> list[bytes]:
    """Serialised requests for the first images of seed 0, so many a call."""
    return [
        generator_pb2.GenerateRequest(
            model=model, seed=0, first_index=first, count=min(each, images - first)
        ).SerializeToString()
        for first in range(0, images, each)
    ]


async def ask(address: str, wanted: list[bytes], clients: int = CLIENTS) -> list[bytes]:
    """The serialised answers, asked for by so many clients at once, each with one call at a time."""
    answers = [b""] * len(wanted)
    places: Iterator[int] = iter(range(len(wanted)))
    async with grpc.aio.insecure_channel(address) as channel:
        generate = channel.unary_unary(GENERATE, None, None)

        async def client() -> None:
            for place in places:
                answers[place] = await generate(wanted[place])

        await asyncio.gather(*(client() for _ in range(clients)))
    return answers


def counts(server: ServerProcess, model: str) -> tuple[float, float]:
    """Rows and batches that a model has computed."""
    with urlopen(f"{server.http_url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    names = ("nv_inference_count", "nv_inference_exec_count")
    found = [re.search(rf'^{name}{{[^}}]*model="{model}"[^}}]*}} (\S+)$', text, re.MULTILINE) for name in names]
    rows, batches = (float(match[1]) if match else 0.0 for match in found)
    return rows, batches


def _make_and_encode(folder: Path) -> Work:
    cv2.setNumThreads(1)
    model = BareModel(folder)
    inputs = {spec.name: _drawn(spec.name, spec.shape[1:]) for spec in model.config.inputs}

    def work(batch: int) -> None:
        outputs = model.infer({name: values[:batch] for name, values in inputs.items()})
        for pixels in outputs["IMAGE"]:
            encode_png(pixels)

    return work


def _drawn(name: str, shape: tuple[int, ...]) -> NDArray[np.float32] | NDArray[np.int64]:
    """Latent vectors, or the first class."""
    shape = (max(BATCHES), *shape)
    if name == "LABEL":
        return np.zeros(shape, np.int64)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


if __name__ == "__main__":
    rates = measure(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.write(json.dumps({"images_per_s": rates.images_per_s, "mean_batches": rates.mean_batches}) + "\n")
