"""The whole house as real processes, for tests that block: its event loop runs in a thread."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Self, TypeVar

from deploy.stack import GATEWAY, HOST, SERVICES, Process, Service, Stack, any_ports

T = TypeVar("T")


class House:
    """Every service and the gateway on ports that the system chose; `lines` is what they said."""

    def __init__(self, services: Sequence[Service] = SERVICES, gateway: Service = GATEWAY) -> None:
        self.lines: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="house")
        (gateway,) = any_ports(gateway)
        self._stack = Stack(any_ports(*services), gateway, self._say)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.do(self._stack.start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._stack.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[object, object, T]) -> T:
        """Run something in the house's loop and wait for it; a minute at most."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def grpc(self, name: str = "gateway") -> str:
        """`host:port` of a process."""
        return f"{HOST}:{self._stack.ports[name].grpc}"

    def http(self, name: str = "gateway") -> str:
        """`http://host:port` of a process."""
        return f"http://{HOST}:{self._stack.ports[name].http}"

    def process(self, name: str) -> Process:
        return self._stack.processes[name]

    def stop(self, name: str) -> int:
        """Ask one process to end, as Kubernetes does; its exit code."""
        return self.do(self.process(name).stop())

    def kill(self, name: str) -> None:
        """End one process as the kernel would, with the processes of its models."""
        self.process(name).kill()
        self.do(self.process(name).child.wait())

    def restart(self, name: str) -> None:
        """Start a process that ended again, at its old address."""
        self.do(self._stack.restart(name))

    def _say(self, name: str, line: str) -> None:
        self.lines.append(f"{name}: {line}")
