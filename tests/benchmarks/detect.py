"""What serving costs a small detector: JPEG in, boxes out, beside a bare loop of decoder, letterbox and engine.

`python -m tests.benchmarks.detect REPOSITORY MODEL PICTURE` prints one JSON line: images/s of every arm in each of five
interleaved rounds. The bare loops (`bare_loop`) compute one image at a time, or eight, and neither parse requests nor
suppress boxes. The served arm is asked by this process, a load generator that shares the machine with the server.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import cv2
import grpc
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # has stubs, but no py.typed

from imago.v1 import detector_pb2
from services.runtime.geometry import letterbox
from tests.benchmarks.bare_loop import BareModel, Work, bare_process
from tests.processes import server_process

IN_FLIGHT = 16
SECONDS = 8.0
ROUNDS = 5
DETECT = "/imago.v1.DetectorService/Detect"


def frame(path: Path) -> bytes:
    """A picture as a JPEG of 1280x720 pixels."""
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return bytes(cv2.imencode(".jpg", cv2.resize(pixels, (1280, 720)), (cv2.IMWRITE_JPEG_QUALITY, 90))[1])


def measure(
    repository: Path, model: str, jpeg: bytes, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, list[float]]:
    """Images/s of the arms `served`, `bare 1` and `bare 8` in every round."""
    found: dict[str, list[float]] = {"bare 1": [], "bare 8": [], "served": []}
    arguments = (f"--model-repository={repository}", f"--load-model={model}")
    with (
        bare_process(_decode_and_detect, repository / model, jpeg) as rate,
        server_process("services.detector", *arguments) as server,
    ):
        for number in range(rounds):
            for batch in (1, 8):
                found[f"bare {batch}"].append(round(rate(seconds, batch), 1))
            found["served"].append(round(asyncio.run(_served(server.grpc_address, model, jpeg, seconds)), 1))
            sys.stderr.write(f"round {number + 1}: { {name: rates[-1] for name, rates in found.items()} }\n")
    return found


async def _served(address: str, model: str, jpeg: bytes, seconds: float) -> float:
    """Images/s with 16 requests in flight; the message is serialised once, so that the generator costs little."""
    request = detector_pb2.DetectRequest(model=model)
    request.image.encoded = jpeg
    message = request.SerializeToString()
    done = 0
    async with grpc.aio.insecure_channel(address) as channel:
        detect = channel.unary_unary(DETECT, None, None)
        await detect(message)
        start = time.monotonic()

        async def client() -> None:
            nonlocal done
            while time.monotonic() < start + seconds:
                await detect(message)
                done += 1

        await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))
        return done / (time.monotonic() - start)


def _decode_and_detect(folder: Path, jpeg: bytes) -> Work:
    """Each image decoded at the smallest fraction that holds the letterbox, as the server does."""
    cv2.setNumThreads(1)
    model = BareModel(folder)
    spec = model.config.inputs[0]
    height, width = spec.shape[-3:-1]

    def work(batch: int) -> None:
        boxed = []
        for _ in range(batch):
            pixels = simplejpeg.decode_jpeg(jpeg, "RGB", min_width=width, min_factor=2)
            boxed.append(letterbox(np.asarray(pixels), width, height)[0])
        model.infer({spec.name: np.stack(boxed)})

    return work


if __name__ == "__main__":
    folder, name, picture = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    sys.stdout.write(json.dumps(measure(folder, name, frame(picture))) + "\n")
