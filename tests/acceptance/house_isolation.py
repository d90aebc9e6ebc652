"""A model that blocks for seconds, or is killed, costs only its own request; SIGTERM loses nothing."""

import asyncio
import os
import signal
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tritonclient.grpc.aio as triton
from tritonclient.grpc import InferInput
from tritonclient.utils import InferenceServerException

from tests.acceptance.figures import Figures
from tests.photographs import pixels, zidane
from tests.processes import ROOT, ServerProcess, server_process
from tests.repositories import write_config, write_scale

ANSWER_WITHIN_MS = 50
PROBE_EVERY_S = 0.02
QUEUED = 64
SLOW_S = 0.05


def isolation(figures: Figures) -> None:
    with TemporaryDirectory() as folder:
        write_scale(Path(folder), "scale")
        repositories = [f"--model-repository={path}" for path in (ROOT / "services" / "face_models", folder)]
        with server_process("services.runtime", *repositories, "--load-model=face_mmod,scale") as server:
            asyncio.run(_while_mmod_works(figures, server))
            asyncio.run(_kill_mmod(figures, server))


def sigterm(figures: Figures) -> None:
    with TemporaryDirectory() as folder:
        _write_slow(Path(folder))
        with server_process("services.runtime", f"--model-repository={folder}") as server:
            asyncio.run(_terminate_with_full_queue(figures, server))


async def _while_mmod_works(figures: Figures, server: ServerProcess) -> None:
    async with triton.InferenceServerClient(server.grpc_address) as client:
        await _mmod(client)
        working = asyncio.create_task(_mmod(client))
        livez: list[float] = []
        scale: list[float] = []
        while not working.done():
            livez.append(await _milliseconds(lambda: asyncio.to_thread(_get, f"{server.http_url}/livez")))
            scale.append(await _milliseconds(lambda: _scale(client)))
            await asyncio.sleep(PROBE_EVERY_S)
        faces = (await working).as_numpy("BOXES")
    figures.at_least("faces that MMOD found meanwhile on 1280x720", len(faces), 2)
    figures.at_most("slowest /livez while MMOD works, ms", max(livez), ANSWER_WITHIN_MS, calls=len(livez))
    figures.at_most("slowest small model while MMOD works, ms", max(scale), ANSWER_WITHIN_MS, calls=len(scale))


async def _kill_mmod(figures: Figures, server: ServerProcess) -> None:
    async with triton.InferenceServerClient(server.grpc_address) as client:
        doomed = asyncio.create_task(_status(_mmod(client)))
        await asyncio.sleep(0.3)
        for child in _children(server.process.pid):
            os.kill(child, signal.SIGKILL)
        others = [await _status(_scale(client)) for _ in range(20)]
        figures.equal("request in the killed child", await doomed, "StatusCode.UNAVAILABLE")
        figures.equal("other requests meanwhile", sorted(set(others)), ["OK"], calls=len(others))
        start = time.monotonic()
        figures.equal("next request", await _status(_mmod(client)), "OK", seconds=round(time.monotonic() - start, 2))


async def _terminate_with_full_queue(figures: Figures, server: ServerProcess) -> None:
    async with triton.InferenceServerClient(server.grpc_address) as client:
        tasks = [asyncio.create_task(_status(_slow(client))) for _ in range(QUEUED + 1)]
        async with asyncio.timeout(QUEUED * SLOW_S):
            while await asyncio.to_thread(_pending, server) + sum(task.done() for task in tasks) < QUEUED:
                pass  # until all are accepted: one computes, the others wait or are answered
        answered_before = sum(task.done() for task in tasks)
        server.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*tasks)
    code = await asyncio.to_thread(server.process.wait, 60)
    waiting = {"answered_before": answered_before}
    figures.equal("SIGTERM with a full queue: accepted and answered", answers.count("OK"), QUEUED + 1, **waiting)
    figures.equal("SIGTERM with a full queue: exit code", code, 0)


async def _status(call: Awaitable[Any]) -> str:
    try:
        await call
    except InferenceServerException as error:
        return str(error.status())
    return "OK"


async def _mmod(client: triton.InferenceServerClient) -> Any:
    photograph = pixels(zidane())
    image = InferInput("IMAGE", photograph.shape, "UINT8")
    image.set_data_from_numpy(photograph)
    return await client.infer("face_mmod", [image])


async def _scale(client: triton.InferenceServerClient) -> Any:
    x = InferInput("x", [1, 3], "FP32")
    x.set_data_from_numpy(np.ones((1, 3), np.float32))
    return await client.infer("scale", [x])


async def _slow(client: triton.InferenceServerClient) -> Any:
    x = InferInput("X", [1], "FP32")
    x.set_data_from_numpy(np.ones(1, np.float32))
    return await client.infer("slow", [x])


def _write_slow(root: Path) -> None:
    """A model of `SLOW_S` that takes one request at a time."""
    tensor = '{ name: "%s" data_type: TYPE_FP32 dims: [1] }'
    folder = write_config(root, "slow", f'backend: "python"\ninput [{tensor % "X"}]\noutput [{tensor % "Y"}]\n')
    (folder / "1").mkdir()
    (folder / "1" / "model.py").write_text(
        f"""import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        time.sleep({SLOW_S})
        inputs = [pb_utils.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", x)]) for x in inputs]
"""
    )


async def _milliseconds(call: Callable[[], Awaitable[Any]]) -> float:
    start = time.monotonic()
    await call()
    return (time.monotonic() - start) * 1000


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def _pending(server: ServerProcess) -> float:
    lines = _get(f"{server.http_url}/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("nv_inference_pending_request_count{"))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
