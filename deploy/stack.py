"""The whole house as processes of this machine: starts them in order, says when they are ready, stops them in order.

It decides who is started with which ports and what is said when something goes wrong; what the processes do is theirs.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
STOP_TIMEOUT_S = 45.0
"""Longer than a process's own drain and close together, so that only one that hangs is killed."""
_LOOK_AGAIN_S = 0.05
_LAST_LINES_S = 5.0

Say = Callable[[str, str], None]
"""Takes the name of who speaks ("stack" for this module) and one line."""


class StackError(Exception):
    """The house cannot stand; one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process. A port of 0 is chosen by the system."""

    name: str
    module: str
    grpc_port: int
    http_port: int
    arguments: tuple[str, ...] = ()
    folder: Path = ROOT
    """Where the code lies."""
    models: Path | None = None
    """Where the models of a clone lie, for a service that has no others: without one there it is not started."""

    @property
    def has_models(self) -> bool:
        return self.models is None or any(self.models.glob("*/config.pbtxt"))


def _models(name: str) -> Path:
    return ROOT / "services" / name / "models"


SERVICES = (
    Service("detector", "services.detector", grpc_port=8101, http_port=8102),
    Service("generator", "services.generator", grpc_port=8201, http_port=8202, models=_models("generator")),
    Service("translator", "services.translator", grpc_port=8301, http_port=8302, models=_models("translator")),
)
"""A further service is one further row; the gateway is told its address."""
GATEWAY = Service("gateway", "gateway", grpc_port=8081, http_port=8080)


def any_ports(*services: Service) -> tuple[Service, ...]:
    """The same services on ports that the system chooses."""
    return tuple(replace(service, grpc_port=0, http_port=0) for service in services)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a process listens on `HOST`."""

    grpc: int
    http: int


class Process:
    """One running service whose log lines are passed on, each with its name."""

    def __init__(self, service: Service, child: asyncio.subprocess.Process, ports_file: Path, say: Say) -> None:
        self.service = service
        self.child = child
        self._ports_file = ports_file
        self._say = say
        self._listener = asyncio.create_task(self._pass_lines_on())

    @classmethod
    async def start(cls, service: Service, ports_file: Path, say: Say) -> Self:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", service.module),
            *("--host", HOST, "--grpc-port", str(service.grpc_port), "--http-port", str(service.http_port)),
            *("--ports-file", str(ports_file), "--log-format", "text", "--lame-duck-s", "0"),
            *service.arguments,
            cwd=service.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,  # the longest line that is passed on
            start_new_session=True,  # a Ctrl-C in the terminal must reach them in our order, not all at once
        )
        return cls(service, child, ports_file, say)

    async def ready(self) -> Ports:
        """Wait until it serves.

        Raises:
            StackError: it ended before it was ready.
        """
        while not self._ports_file.exists():
            if self.child.returncode is not None:
                await self.ended()
            await asyncio.sleep(_LOOK_AGAIN_S)
        return Ports(**json.loads(self._ports_file.read_text()))

    async def ended(self) -> None:
        """Wait until it ends, which it should not.

        Raises:
            StackError: always; says how it ended.
        """
        code = await self.child.wait()
        await self._last_lines()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise StackError(f"{self.service.name} {how}; its last lines above say why.")

    async def stop(self) -> int:
        """Ask it to finish its work and end; the exit code."""
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                code = await self.child.wait()
        except TimeoutError:
            self._say("stack", f"{self.service.name} did not end within {STOP_TIMEOUT_S:.0f} s and is killed")
            self.kill()
            code = await self.child.wait()
        await self._last_lines()
        return code

    def kill(self) -> None:
        """End it at once, with the processes of its models."""
        if self.child.returncode is None:
            os.killpg(self.child.pid, signal.SIGKILL)

    async def _last_lines(self) -> None:
        # Bounded: a process that it left behind may hold the pipe open.
        await asyncio.wait([self._listener], timeout=_LAST_LINES_S)

    async def _pass_lines_on(self) -> None:
        assert self.child.stdout
        async for line in self.child.stdout:
            self._say(self.service.name, line.decode(errors="replace").rstrip())


class Stack:
    """All services and the gateway; as a context it stops, on the way out, whatever was started."""

    def __init__(self, services: Sequence[Service], gateway: Service, say: Say) -> None:
        self.ports: dict[str, Ports] = {}
        self.processes: dict[str, Process] = {}
        self._services = tuple(service for service in services if service.has_models)
        self._left_out = tuple(service for service in services if not service.has_models)
        self._gateway = gateway
        self._say = say
        self._folder = tempfile.TemporaryDirectory(prefix="imago-")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._folder.cleanup()

    async def start(self) -> None:
        """Start the services together, then the gateway; returns when everything is ready.

        Raises:
            StackError: a port is taken, or a process ended before it was ready.
        """
        for service in (*self._services, self._gateway):
            _check_free(service)
        for service in self._left_out:
            self._say("stack", f"{service.name} is not started: there is no model in {service.models}")
        await self._start_all(self._services)
        addresses = [f"--{one.name}=dns:///{HOST}:{self.ports[one.name].grpc}" for one in self._services]
        await self._start_all([replace(self._gateway, arguments=(*self._gateway.arguments, *addresses))])

    async def watch(self) -> None:
        """Wait until some process ends.

        Raises:
            StackError: always; names the process and says how it ended.
        """
        await _first(*(process.ended() for process in self.processes.values()))

    async def stop(self) -> int:
        """Stop the gateway, then the services; 0 when all of them ended cleanly."""
        codes = []
        for names in ([self._gateway.name], [service.name for service in self._services]):
            processes = [self.processes[name] for name in names if name in self.processes]
            codes += await asyncio.gather(*(process.stop() for process in processes))
        return max(map(abs, codes), default=0)

    def kill(self) -> None:
        """End everything at once."""
        for process in self.processes.values():
            process.kill()

    async def restart(self, name: str) -> None:
        """Start a service that ended again, at its old address."""
        service, ports = self.processes[name].service, self.ports[name]
        await self._start_all([replace(service, grpc_port=ports.grpc, http_port=ports.http)])

    async def _start_all(self, services: Sequence[Service]) -> None:
        for service in services:
            self._say("stack", f"starting {service.name} ...")
            ports_file = Path(tempfile.mkdtemp(dir=self._folder.name), "ports.json")
            self.processes[service.name] = await Process.start(service, ports_file, self._say)
        try:
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(self._await_ready(service.name))
        except* StackError as errors:
            raise errors.exceptions[0] from None

    async def _await_ready(self, name: str) -> None:
        begun = monotonic()
        self.ports[name] = await self.processes[name].ready()
        ports = self.ports[name]
        self._say("stack", f"{name} is ready after {monotonic() - begun:.1f} s: gRPC {ports.grpc}, HTTP {ports.http}")


def _check_free(service: Service) -> None:
    for kind, port in (("gRPC", service.grpc_port), ("HTTP", service.http_port)):
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            raise StackError(
                f"Port {port}, for {kind} of the {service.name}, cannot be used ({os.strerror(error.errno or 0)}); "
                "stop what listens there, or let the system choose ports with ARGS=--any-port."
            ) from None


async def _first(*works: Awaitable[None]) -> None:
    """Wait for the first of several to end, cancel the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(services: Sequence[Service], gateway: Service, say: Say, work: Callable[[Stack], Awaitable[None]]) -> int:
    """Start everything, do `work`, and stop: when `work` is done, on SIGINT or SIGTERM, or when a process ends.

    Returns 0 when everything that was started ended cleanly, and 1 otherwise. A second signal kills.
    """
    failed = False
    async with Stack(services, gateway, say) as stack:
        try:
            await _first(_live(stack, work), _told_to_stop(stack))
        except StackError as error:
            failed = True
            say("stack", str(error))
        say("stack", "stopping: the gateway first, then the services ...")
        code = await stack.stop()
        say("stack", "stopped" if code == 0 else "stopped, but not everything ended cleanly")
    return int(failed or code != 0)


async def _live(stack: Stack, work: Callable[[Stack], Awaitable[None]]) -> None:
    await stack.start()
    await _first(work(stack), stack.watch())


async def _told_to_stop(stack: Stack) -> None:
    told = asyncio.Event()

    def stop() -> None:
        if told.is_set():
            stack.kill()
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await told.wait()
