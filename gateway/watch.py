"""Follows whether each configured service can be reached, and decides when the gateway is ready.

Ready once every configured service is healthy. A service that fails later is told by its own name and does not close
the door: the others must stay reachable.
"""

import asyncio
import logging

import grpc

from gateway.backends import Backend, Backends
from gateway.methods import service_names
from services.runtime.process.health import Health

_log = logging.getLogger(__name__)


class Watch:
    """Keeps `Health` true for every service, by the state of its channels: no polling, no calls.

    A channel is ready when some replica is connected and says that it serves. Belongs to one event loop.
    """

    def __init__(self, backends: Backends, health: Health) -> None:
        self._health = health
        self._serves = dict.fromkeys(backends, False)
        self._changed = asyncio.Event()
        self._tasks = [asyncio.create_task(self._follow(backend)) for backend in backends]

    async def all_serve(self) -> None:
        """Returns when every address serves; says meanwhile which ones are waited for."""
        while waiting := [str(backend) for backend, serves in self._serves.items() if not serves]:
            self._health.set("", False, reason=f"waiting for {', '.join(waiting)}")
            await self._changed.wait()
            self._changed.clear()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, backend: Backend) -> None:
        channel = backend.channel()
        told = None
        while True:
            state = channel.get_state(try_to_connect=True)
            serves = state is grpc.ChannelConnectivity.READY
            if serves is not told and (serves or state is grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                told = serves
                self._tell(backend, serves)
            await channel.wait_for_state_change(state)

    def _tell(self, backend: Backend, serves: bool) -> None:
        fields = {"backend": backend.service, "address": backend.address}
        if serves:
            _log.info("backend serves", extra=fields)
        else:
            _log.warning("backend does not serve", extra=fields)
        self._serves[backend] = serves
        self._changed.set()
        # A service serves when all its addresses do: its own and those of its moved models.
        lost = [str(each) for each, well in self._serves.items() if each.service == backend.service and not well]
        name = service_names()[backend.service]
        self._health.set(name, not lost, reason=f"{', '.join(lost)} is not reachable or not ready")
