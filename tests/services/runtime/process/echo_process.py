"""A small server process: echoes, and holds calls until a line arrives on standard input."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from services.runtime.errors import InvalidInput, StartupError
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Application, run
from services.runtime.process.settings import ProcessSettings, load

log = logging.getLogger("echo")


class EchoSettings(ProcessSettings):
    start: str = Field(default="works", pattern="works|fails|crashes|hangs")
    """What `start` does."""
    stubborn: bool = False
    """Whether held calls shrug off being cancelled."""


class Echo(Application):
    name = "echo"

    def __init__(self, settings: EchoSettings) -> None:
        self._settings = settings
        self._released = asyncio.Event()

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        handlers = {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Hold": grpc.unary_unary_rpc_method_handler(self.hold),
            "HoldStream": grpc.unary_stream_rpc_method_handler(self.hold_stream),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
        return ["test.Echo"]

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/hold", self.hold_http)]

    async def start(self, health: Health) -> None:
        if self._settings.start == "fails":
            raise StartupError("model 'a' is broken")
        if self._settings.start == "crashes":
            raise ValueError("a bug")
        if self._settings.start == "hangs":
            await asyncio.Event().wait()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

    async def drain(self) -> None:
        log.info("application drained")

    async def close(self) -> None:
        log.info("application closed")

    async def echo(self, request: bytes, _: Any) -> bytes:
        if request == b"bad":
            raise InvalidInput("image has 0 bytes", field="image")
        return request

    async def hold(self, request: bytes, _: Any) -> bytes:
        await self._hold()
        return request * 10_000_000

    async def hold_stream(self, request: bytes, _: Any) -> AsyncIterator[bytes]:
        yield request
        try:
            await self._hold()
            yield request
        finally:
            log.info("stream cleaned up")

    async def hold_http(self, _: Request) -> Response:
        await self._hold()
        return PlainTextResponse("held")

    async def _hold(self) -> None:
        log.info("holding")
        while not self._released.is_set():
            try:
                await self._released.wait()
            except asyncio.CancelledError:
                if not self._settings.stubborn:
                    raise

    def _read(self) -> None:
        sys.stdin.readline()
        self._released.set()


if __name__ == "__main__":
    settings = load(EchoSettings, sys.argv[1:], prog="echo", description="Echoes.")
    sys.exit(run(settings, Echo(settings)))
