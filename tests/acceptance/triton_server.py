"""Runs the real Triton Inference Server and its load generator, for comparing with our runtime.

Triton comes from the wheel of PyTriton, which carries the server with its Python backend only, and needs Debian's own
Python 3.11; perf_analyzer comes from the wheel of an older `tritonclient`. Both are installed under `build/` once.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "triton"
DEBIAN_PYTHON = Path("/usr/bin/python3.11")
PYTRITON = "nvidia-pytriton==0.7.0"
MODEL_PACKAGES = (
    "numpy==1.26.4",
    "opencv-python==4.14.0.94",
    "dlib-bin==20.0.1.post1",
    "face_recognition_models==0.3.0",
)
"""What the face models import, in an environment of their own: the stub uses PATH's python3.

The locked versions but for numpy: with numpy 2 this stub reads every element of a tensor as the first one.
"""

TRIES = 3
"""Runs of perf_analyzer before giving up: now and then it ends early without a figure, whatever the server."""

PERF_ANALYZER_WHEELS = ("tritonclient==2.41.0", "nvidia-cuda-runtime-cu12==12.9.79")


def _pip(*arguments: str, python: Path | str = sys.executable) -> None:
    command = [str(python), "-I", "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def install_triton() -> Path:
    """Install the server and the face models' packages; returns the folder of the server."""
    server = BUILD / "server"
    packages = server / "lib" / "python3.11" / "site-packages"
    triton = packages / "pytriton" / "tritonserver"
    done = BUILD / "server.done"
    if not done.exists():
        if not DEBIAN_PYTHON.exists():
            raise RuntimeError("the real Triton needs Debian's python3.11 (packages python3.11 and python3.11-venv)")
        subprocess.run([str(DEBIAN_PYTHON), "-m", "venv", "--clear", str(server)], check=True)
        _pip("install", PYTRITON, python=server / "bin" / "python")
        stub = "triton_python_backend_stub"
        shutil.copy2(triton / "python_backend_stubs" / "3.11" / stub, triton / "backends" / "python" / stub)
        subprocess.run([str(DEBIAN_PYTHON), "-m", "venv", "--clear", str(BUILD / "models")], check=True)
        _pip("install", "--no-deps", *MODEL_PACKAGES, python=BUILD / "models" / "bin" / "python")
        done.touch()
    return triton


@contextmanager
def real_triton(repository: Path) -> Iterator[str]:
    """Serve a repository with the real Triton; gives its gRPC address once it is ready."""
    triton = install_triton()
    port = free_port()
    environment = {
        "PATH": f"{BUILD / 'models' / 'bin'}:/usr/bin:/bin",
        "LD_LIBRARY_PATH": str(triton.parents[1] / "nvidia_pytriton.libs"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [
        str(triton / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={triton / 'backends'}",
        f"--grpc-port={port}",
        "--grpc-address=127.0.0.1",
        "--allow-http=false",
        "--allow-metrics=false",
    ]
    with (BUILD / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"127.0.0.1:{port}"
            _wait_ready(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def _wait_ready(address: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    with grpc.insecure_channel(address) as channel:
        server = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        while time.monotonic() < ends:
            if process.poll() is not None:
                raise RuntimeError(f"Triton ended with {process.returncode}; see {BUILD / 'server.log'}")
            try:
                if server.ServerReady(service_pb2.ServerReadyRequest(), timeout=1).ready:
                    return
            except grpc.RpcError:
                time.sleep(0.1)
    raise RuntimeError(f"Triton was not ready within {seconds} s; see {BUILD / 'server.log'}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def perf_analyzer(
    address: str, model: str, *, in_flight: int, streaming: bool = False, seconds: int = 3
) -> dict[str, float]:
    """Triton's own load generator against one model: infer/s and latencies in microseconds, from its last window.

    Every request is a call of its own (ModelInfer) or, `streaming`, a message of one call (ModelStreamInfer).
    """
    unpacked = BUILD / "perf_analyzer"
    binary = unpacked / "tritonclient-2.41.0.data" / "data" / "bin" / "perf_analyzer"
    if not binary.exists():
        _pip("download", "--no-deps", "-d", str(BUILD / "wheels"), *PERF_ANALYZER_WHEELS)
        for wheel in (BUILD / "wheels").glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(unpacked)
        binary.chmod(0o755)
    command = [
        *(str(binary), "-m", model, "-u", address, "-i", "grpc", "--async"),
        *("--concurrency-range", str(in_flight), "--measurement-interval", str(seconds * 1000), "-s", "25", "-r", "4"),
        *(["--streaming"] if streaming else []),
    ]
    environment = os.environ | {"LD_LIBRARY_PATH": str(unpacked / "nvidia" / "cuda_runtime" / "lib")}
    for _ in range(TRIES):
        printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
        found = re.findall(r"Concurrency: \d+, throughput: ([\d.]+) infer/sec, latency (\d+) usec", printed)
        if found:
            break
    else:
        raise RuntimeError(f"perf_analyzer gave no result {TRIES} times: {json.dumps(printed[-800:])}")
    return {"infer_per_s": float(found[-1][0]), "latency_us": float(found[-1][1])}
