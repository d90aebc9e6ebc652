"""Decides when a server process may be sent calls and in which order it stops, so that no accepted call is lost.

Start: ports, probes, models, ready. Stop on SIGTERM or SIGINT: not ready, lame duck, refuse, finish, close; probes are
answered until the end. A second signal quits at once. It ignores what the application does.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Protocol

import grpc
import uvloop
from prometheus_client import Gauge
from starlette.responses import Response
from starlette.routing import BaseRoute

from services.runtime.errors import StartupError, Unavailable
from services.runtime.process import logs
from services.runtime.process.admission import Admission
from services.runtime.process.calls import CallRecorder
from services.runtime.process.grpc_server import add_reflection, bind, new_server
from services.runtime.process.health import Health
from services.runtime.process.http import HttpServer, new_app, refusal
from services.runtime.process.ports import listen, write_ports
from services.runtime.process.settings import ProcessSettings
from services.runtime.telemetry import Metrics

log = logging.getLogger(__name__)

CLEAN = 0
"""Exit code: asked to stop, and every accepted call was answered."""
FAILED = 1
"""Exit code: could not start, or was told twice to stop. (Bad settings exit with 2.)"""
CUT_OFF = 3
"""Exit code: asked to stop, but calls were cut off or something would not close in time."""


class Application(Protocol):
    """What a process is for; subclass it.

    All methods run in the one event loop, `register`, `routes` and `start` in this order.
    """

    name: str
    """Short name of the service, for logs."""

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add services to `server`; returns their full names, for health and reflection."""

    def routes(self) -> Sequence[BaseRoute]:
        """Pages besides /livez, /readyz and /metrics."""

    def refusal(self, error: Unavailable) -> Response:
        """What these pages answer while the process ends. A subclass may have a format of its own."""
        return refusal(error)

    async def start(self, health: Health) -> None:
        """Load and warm everything; the process is ready afterwards. Cancelled when told to stop meanwhile.

        Raises:
            StartupError: the process cannot start; the sentence is what the operator sees.
        """

    async def drain(self) -> None:
        """Finish work that no call waits for; called once no call is in flight."""

    async def close(self) -> None:
        """Free everything; called once, whatever `start` did."""


def run(settings: ProcessSettings, application: Application, metrics: Metrics | None = None) -> int:
    """Be a server process: configure logs, `serve`, and return the exit code (`CLEAN`, `FAILED` or `CUT_OFF`)."""
    faulthandler.enable()
    logs.configure(settings.log_level, settings.log_format, service=application.name)
    try:
        # An empty call costs 10 to 15 % less processor time on this loop than on the standard library's.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve_and_leave(settings, application, metrics))
    except StartupError as error:
        log.critical("cannot start: %s", error)
    except Exception:
        log.critical("stopped by an unexpected error", exc_info=True)
    return FAILED


async def _serve_and_leave(settings: ProcessSettings, application: Application, metrics: Metrics | None) -> int:
    code = await serve(settings, application, metrics)
    if code == CUT_OFF:
        # Work that did not end in time may sit in a thread, for which the interpreter would wait without bound.
        os._exit(code)
    return code


async def serve(settings: ProcessSettings, application: Application, metrics: Metrics | None = None) -> int:
    """Serve `application` until a signal says stop, and return the exit code.

    Once ready it logs "serving" with both ports and writes `settings.ports_file`.

    Raises:
        StartupError: a port cannot be had, or the application cannot start.
    """
    with _stop_signals() as stop:
        process = _Process(settings, application, metrics or Metrics())
        await process.open()
        try:
            if await _finished_before(stop, process.become_ready()):
                await stop.wait()
                await process.drain()
        finally:
            await process.close()
        log.info("stopped", extra={"exit_code": process.code})
        return process.code


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """The event that SIGTERM or SIGINT sets. The second one ends the process on the spot."""
    stop = asyncio.Event()

    def received() -> None:
        if stop.is_set():
            log.error("told twice to stop: quitting at once")
            os._exit(FAILED)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _finished_before(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether `work` finished before `event` was set; if not, it was cancelled. Raises what `work` raises."""
    task, alarm = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task.done()
    finally:
        task.cancel()
        alarm.cancel()
        await asyncio.wait((task, alarm))


class _Process:
    def __init__(self, settings: ProcessSettings, application: Application, metrics: Metrics) -> None:
        self.code = CLEAN
        self._settings = settings
        self._application = application
        self._metrics = metrics
        self._born = monotonic()
        self._health = Health()
        self._admission = Admission()
        recorder = CallRecorder()
        metrics.registry.register(recorder)
        inside = Gauge("imago_calls_in_flight", "Calls admitted and not finished.", registry=metrics.registry)
        inside.set_function(lambda: self._admission.inside)
        self._grpc = new_server(settings, self._admission, recorder)

    async def open(self) -> None:
        """Take the ports and answer probes; calls find health NOT_SERVING."""
        settings = self._settings
        listener = listen(settings.host, settings.http_port, "http_port")
        try:
            grpc_port = bind(self._grpc, settings)
        except StartupError:
            listener.close()
            raise
        self._ports = {"grpc_port": grpc_port, "http_port": int(listener.getsockname()[1])}
        self._services = tuple(self._application.register(self._grpc))
        self._health.add_to(self._grpc)
        for service in self._services:
            self._health.set(service, False, reason="starting")
        if settings.reflection:
            add_reflection(self._grpc, self._services)
        application = self._application
        self._pages = new_app(self._health, self._admission, self._metrics, application.routes(), application.refusal)
        self._http = HttpServer(self._pages, listener)
        await self._grpc.start()
        log.info("starting", extra={"host": settings.host, **self._ports})

    async def become_ready(self) -> None:
        await self._application.start(self._health)
        gc.collect()
        gc.freeze()  # what start-up made stays: walking it in every full collection would stall all calls
        for service in ("", *self._services):
            self._health.set(service, True)
        if self._settings.ports_file:
            write_ports(self._settings.ports_file, **self._ports)
        log.info(
            "serving", extra={"host": self._settings.host, **self._ports, "seconds": round(monotonic() - self._born, 2)}
        )

    async def drain(self) -> None:
        settings = self._settings
        self._health.shut_down("shutting down")
        log.info("draining", extra={"calls": self._admission.inside, "lame_duck_s": settings.lame_duck_s})
        await asyncio.sleep(settings.lame_duck_s)
        self._admission.close()
        await self._in_time("drain", self._finish(), settings.drain_timeout_s)

    async def _finish(self) -> None:
        await self._admission.empty()
        await self._application.drain()

    async def close(self) -> None:
        self._health.shut_down("shutting down")
        limit = self._settings.close_timeout_s
        # Only calls that nobody waits for are left: health watches, and those that outlasted the drain.
        await self._grpc.stop(None)
        self._pages.cut_off()
        await self._in_time("handlers' cleaning up", self._admission.empty(), limit)
        await self._in_time("close", self._application.close(), limit)
        await self._http.stop()

    async def _in_time(self, what: str, work: Coroutine[Any, Any, None], limit_s: float) -> None:
        """Give `work` its time; if it fails, the process still goes on to stop, and its exit code tells."""
        try:
            async with asyncio.timeout(limit_s):
                await work
        except Exception as error:
            self.code = CUT_OFF
            bug = None if isinstance(error, TimeoutError) else error
            fields = {"what": what, "limit_s": limit_s, "calls": self._admission.inside}
            log.error("cut off", exc_info=bug, extra=fields)
