"""What serving costs: an ONNX model of ResNet-50's size through gRPC, beside the same session in a bare loop.

`python -m tests.benchmarks.overhead` prints one JSON line: images/s of every arm in each of five interleaved rounds.
This process is the load generator of every arm; the session always runs in another process, opened
by the same code with the same threads. `bare` hands it tensors through a pipe; `alone` needs no load at all.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

from services.runtime.backends.onnx import OnnxBackend
from services.runtime.backends.placement import Placement, available_cpus
from services.runtime.config import finish_config, read_config
from services.runtime.model import InferRequest
from tests.benchmarks.resnet50 import write_resnet50
from tests.processes import server_process

IN_FLIGHT = 8
SECONDS = 10.0
ROUNDS = 5
IMAGE = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, list[float]]:
    """Images/s of the arms `served`, `bare 1`, `bare 8`, `alone 1` and `alone 8` in every round."""
    with TemporaryDirectory() as folder:
        write_resnet50(Path(folder) / "resnet50")
        with server_process("services.runtime", f"--model-repository={folder}") as server, _Bare(folder) as bare:
            arms: dict[str, Callable[[], float]] = {
                "served": lambda: asyncio.run(_served(server.grpc_address, seconds)),
                "bare 1": lambda: bare.fed(1, seconds),
                "bare 8": lambda: bare.fed(8, seconds),
                "alone 1": lambda: bare.alone(1, seconds),
                "alone 8": lambda: bare.alone(8, seconds),
            }
            found: dict[str, list[float]] = {name: [] for name in arms}
            for number in range(rounds):
                for name, run in arms.items():
                    found[name].append(round(run(), 2))
                sys.stderr.write(f"round {number + 1}: { {name: rates[-1] for name, rates in found.items()} }\n")
    return found


async def _served(address: str, seconds: float) -> float:
    """Images/s with 8 requests in flight; the message is serialised once, so that the generator costs little."""
    request = service_pb2.ModelInferRequest(model_name="resnet50", raw_input_contents=[IMAGE.tobytes()])
    request.inputs.add(name="x", datatype="FP32", shape=IMAGE.shape)
    message = request.SerializeToString()
    done = 0
    async with grpc.aio.insecure_channel(address) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", None, None)
        await infer(message)
        start = time.monotonic()

        async def client() -> None:
            nonlocal done
            while time.monotonic() < start + seconds:
                await infer(message)
                done += 1

        await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))
        return done / (time.monotonic() - start)


class _Bare:
    """The session in a loop of its own process."""

    def __init__(self, folder: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_bare_loop, args=(theirs, folder), daemon=True)

    def __enter__(self) -> "_Bare":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def fed(self, batch: int, seconds: float) -> float:
        """Images/s when this process sends every image and reads every answer, 8 images and 2 batches ahead."""
        self._pipe.send(("fed", batch))
        image, done, sent = IMAGE.tobytes(), 0, 0
        ahead = max(2, IN_FLIGHT // batch)
        start = time.monotonic()
        while time.monotonic() < start + seconds or done < sent:
            while sent < done + ahead and time.monotonic() < start + seconds:
                for _ in range(batch):
                    self._pipe.send_bytes(image)
                sent += 1
            for _ in range(batch):
                self._pipe.recv_bytes()
            done += 1
        elapsed = time.monotonic() - start
        self._pipe.send_bytes(b"")
        return done * batch / elapsed

    def alone(self, batch: int, seconds: float) -> float:
        """Images/s when the session computes the same tensor again and again and nobody else does anything."""
        self._pipe.send(("alone", (batch, seconds)))
        return float(self._pipe.recv())


def _bare_loop(pipe: Connection, folder: str) -> None:
    model = Path(folder) / "resnet50"
    config = finish_config(read_config(model), model)
    threads = available_cpus()
    backend = OnnxBackend(config, model / "1" / "model.onnx", Placement("bare", "CPU"), threads=threads)
    while True:
        command, argument = pipe.recv()
        if command == "fed":
            _answer_until_empty(pipe, backend, argument)
        else:
            pipe.send(_repeat(backend, *argument))


def _answer_until_empty(pipe: Connection, backend: OnnxBackend, batch: int) -> None:
    while first := pipe.recv_bytes():
        images = [first, *(pipe.recv_bytes() for _ in range(batch - 1))]
        tensors = [np.frombuffer(image, np.float32).reshape(IMAGE.shape) for image in images]
        for outcome in backend.infer([InferRequest("resnet50", {"x": tensor}) for tensor in tensors]):
            assert isinstance(outcome, dict)
            pipe.send_bytes(outcome["y"].tobytes())


def _repeat(backend: OnnxBackend, batch: int, seconds: float) -> float:
    request = InferRequest("resnet50", {"x": np.repeat(IMAGE, batch, axis=0)})
    done, start = 0, time.monotonic()
    while time.monotonic() < start + seconds:
        backend.infer([request])
        done += batch
    return done / (time.monotonic() - start)


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.stdout.write(json.dumps(measure()) + "\n")
