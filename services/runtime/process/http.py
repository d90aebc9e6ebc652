"""Decides what a process says over HTTP about itself, and serves its application's own routes beside that.

It runs in the event loop of everything else and leaves signals alone: the lifecycle owns them.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.runtime.errors import Unavailable
from services.runtime.process.admission import Admission
from services.runtime.process.health import Health
from services.runtime.process.status import code_of
from services.runtime.telemetry import CONTENT_TYPE, Metrics

UNCOUNTED = frozenset(("/livez", "/readyz", "/metrics"))
"""Paths that say how the process is: answered until the very end, and never waited for."""

_LAST_BYTES_S = 2
"""Seconds for connections to take what was already answered, once the server stops."""


Refuse = Callable[[Unavailable], Response]


def refusal(error: Unavailable) -> Response:
    """A 503 with the error's code and sentence, for an application that has no format of its own for failures."""
    status = {"code": code_of(error).value[0], "message": str(error), "details": []}
    return JSONResponse(status, status_code=503, headers={"retry-after": "1"})


def new_app(
    health: Health, admission: Admission, metrics: Metrics, routes: Sequence[BaseRoute], refuse: Refuse = refusal
) -> "Pages":
    """The pages of a process: `/livez`, `/readyz` (503 with a reason for each name that does not serve), `/metrics`.

    `routes` are the application's; their requests pass `admission`, and get what `refuse` says once it is closed.
    """

    async def livez(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> Response:
        ready = health.serving()
        return JSONResponse({"ready": ready, "reasons": health.reasons()}, status_code=200 if ready else 503)

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), headers={"content-type": CONTENT_TYPE})

    own = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", exposition)]
    return Pages(Starlette(routes=[*own, *routes]), admission, refuse)


class Pages:
    """An ASGI application whose requests pass `admission`, all but the `UNCOUNTED`."""

    def __init__(self, app: ASGIApp, admission: Admission, refuse: Refuse) -> None:
        self._app = app
        self._admission = admission
        self._refuse = refuse
        self._inside: set[asyncio.Task[Any]] = set()

    def cut_off(self) -> None:
        """Cancel every request that was admitted and is not answered."""
        for task in self._inside:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        try:
            self._admission.enter()
        except Unavailable as error:
            response = self._refuse(error)
            response.headers["connection"] = "close"  # so that the caller's next request finds another replica
            await response(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # every request runs in a task of its own
        self._inside.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside.discard(task)
            self._admission.leave()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves an ASGI application on a listening socket until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_LAST_BYTES_S,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        """Finish what is being answered and close every connection."""
        self._server.should_exit = True
        await self._serving
