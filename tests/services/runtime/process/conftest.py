"""A real gRPC server on loopback, and a real server process, for the tests of this folder."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.guard import Guard, GuardedServer
from services.runtime.process.health import Health

ECHO_PROCESS = Path(__file__).with_name("echo_process.py")
ROOT = ECHO_PROCESS.parents[4]


class ServerProcess:
    """A running `echo_process.py`. Its log events are read from standard error as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def event(self, name: str) -> dict[str, Any]:
        """The next log event of this name."""
        assert self._process.stderr
        while line := await self._process.stderr.readline():
            self.lines.append(line.decode())
            event: dict[str, Any] = json.loads(line)
            if event["message"] == name:
                return event
        raise AssertionError(f"no event '{name}' in:\n{''.join(self.lines)}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def release(self) -> None:
        """Let every held call finish."""
        assert self._process.stdin
        self._process.stdin.write(b"release\n")

    async def exit_code(self) -> int:
        assert self._process.stdin
        assert self._process.stderr
        rest = await self._process.stderr.read()
        self.lines += rest.decode().splitlines(keepends=True)
        code = await self._process.wait()
        self._process.stdin.close()
        return code

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self.exit_code()


StartProcess = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def start_process() -> AsyncIterator[StartProcess]:
    async with AsyncExitStack() as stack:

        async def start(*flags: str, **environment: str) -> ServerProcess:
            command = (sys.executable, str(ECHO_PROCESS), "--host=127.0.0.1", "--grpc-port=0", "--http-port=0", *flags)
            process = ServerProcess(
                await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
                )
            )
            stack.push_async_callback(process.kill)
            return process

        yield start


Serve = Callable[..., Awaitable[Any]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server with the given handlers as methods of `/test.Service`; returns a channel to it."""
    async with AsyncExitStack() as stack:

        async def start(
            guard: Guard | None = None,
            register: Callable[[grpc.aio.Server], Any] | None = None,
            **handlers: Any,
        ) -> Any:
            server = GuardedServer(guard) if guard else grpc.aio.server()
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
            if register:
                register(server)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            stack.push_async_callback(server.stop, None)
            return await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

        yield start


class Door:
    """A guarded server, what is counted, and calls of one method of each kind."""

    def __init__(self, serve: Any) -> None:
        self._serve = serve
        self.admission = Admission()
        self.registry = CollectorRegistry()
        self.recorder = CallRecorder()
        self.registry.register(self.recorder)
        self.health = Health()

    async def open(self, **handlers: Any) -> Any:
        return await self._serve(Guard(self.admission, self.recorder), self.health.add_to, **handlers)

    async def answer(self, behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        """Call a unary method that behaves like this, and await its answer."""
        return await (await self.open(Call=grpc.unary_unary_rpc_method_handler(behaviour))).unary_unary(
            "/test.Service/Call"
        )(b"")

    def count(self, code: grpc.StatusCode) -> float:
        labels = {
            "rpc_system_name": "grpc",
            "rpc_method": "test.Service/Call",
            "rpc_response_status_code": code.name,
        }
        return self.registry.get_sample_value("rpc_server_call_duration_seconds_count", labels) or 0


@pytest.fixture
def door(serve: Any) -> Door:
    return Door(serve)
