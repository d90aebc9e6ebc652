"""Starts the project's own server processes on free ports, for tests and measurements."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60.0


@dataclass
class ServerProcess:
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    grpc_port: int
    http_port: int
    log: Path

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def terminate(self, timeout_s: float = 60.0) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def server_process(module: str, *arguments: str, **environment: str) -> Iterator[ServerProcess]:
    """Run `python -m module arguments` on free ports of 127.0.0.1; gives it when ready, ends it afterwards."""
    with TemporaryDirectory() as folder:
        ports, log = Path(folder) / "ports.json", Path(folder) / "server.log"
        command = [sys.executable, "-m", module, "--host=127.0.0.1", "--grpc-port=0", "--http-port=0"]
        command += [f"--ports-file={ports}", "--lame-duck-s=0", *arguments]
        path = os.pathsep.join([str(ROOT), str(ROOT / "protos")])
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path} | environment, stdout=output, stderr=output
            )
        try:
            found = _wait_for(ports, process, log)
            yield ServerProcess(process, found["grpc"], found["http"], log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _wait_for(ports: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, int]:
    ends = time.monotonic() + START_TIMEOUT_S
    while not ports.exists():
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"the server did not start (exit code {process.poll()}):\n{log.read_text()}")
        time.sleep(0.02)  # a process of its own can only be watched
    found: dict[str, int] = json.loads(ports.read_text())
    return found
