"""The gateway as a process."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx

from tests.gateway.fakes import Detector, serving

ROOT = Path(__file__).parents[2]


async def start(*flags: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--host", "127.0.0.1", "--lame-duck-s", "0", "--log-format", "json", *flags),
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}", "PATH": ""},
        stderr=asyncio.subprocess.PIPE,
    )


async def until_serving(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"{") and (event := json.loads(line))["message"] == "serving":
            return dict(event)
    raise AssertionError("the gateway ended before it served")


async def test_the_process_serves_what_is_configured_and_stops_cleanly() -> None:
    async with serving(Detector()) as address, asyncio.timeout(60):
        process = await start("--http-port", "0", "--grpc-port", "0", "--detector", f"dns:///{address}")
        ports = await until_serving(process)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['http_port']}") as http:
            assert (await http.get("/readyz")).json() == {"ready": True, "reasons": {}}
            response = await http.post("/v1/detector:detectFaces", files={"image": ("photo.jpg", b"jpeg")})
            assert response.json()["detections"][0]["label"] == "face"
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_a_route_that_cannot_be_read_stops_the_process_with_one_line() -> None:
    async with asyncio.timeout(60):
        process = await start("--route", "nowhere")
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().count("\n") == 1
    assert "'nowhere' is not service/model=address" in errors.decode()
