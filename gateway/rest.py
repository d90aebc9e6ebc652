"""One REST route for each RPC: POST /v1/<service>:<rpc>, JSON or multipart in, JSON, NDJSON or server-sent events out.

It decides how an answer or a failure is written; what is read is decided by `rest_request.py`.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from time import perf_counter

from google.protobuf import json_format
from google.protobuf.message import Message
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.door import Door
from gateway.methods import Method
from gateway.problems import Problem, problem_of
from gateway.rest_body import Body, BodyLimits, ClientGone
from gateway.rest_request import JSON, NDJSON, check_headers, exchange_of, read_request, read_requests
from services.runtime.errors import Overloaded

EVENTS = "text/event-stream"
_log = logging.getLogger(__name__)
_TOO_SLOW, _TOO_MANY = 408, 429
_GONE = 499
"""What is counted for a caller who went away before an answer began."""


class InFlight:
    """How many REST calls there are, and how many there may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    def __enter__(self) -> None:
        if self._now >= self._most:
            raise Overloaded(f"This gateway already answers {self._most} REST calls.", retry_after_s=1.0)
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1


class RestMethod:
    """The ASGI application behind one route."""

    def __init__(self, method: Method, door: Door, limits: BodyLimits, in_flight: InFlight, seconds: Histogram) -> None:
        """`seconds` observes every call, labelled with route and HTTP status."""
        self._method = method
        self._door = door
        self._limits = limits
        self._in_flight = in_flight
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, answer = Body(receive, self._limits), _Answer(send)
        headers = Headers(scope=scope)
        started = perf_counter()
        try:
            with self._in_flight:
                check_headers(self._method, headers, self._limits)
                await body.while_client_stays(self._work(headers, body, answer))
        except ClientGone:
            pass
        except Exception as error:
            await self._refuse(problem_of(error), headers, body, answer)
        self._finished(answer.status or _GONE, perf_counter() - started)

    def _finished(self, status: int, seconds: float) -> None:
        self._seconds.labels(self._method.rest_path, str(status)).observe(seconds)
        level = logging.DEBUG if status < 400 or status == _TOO_MANY else logging.INFO
        _log.log(
            level, "rest call", extra={"route": self._method.rest_path, "status": status, "ms": round(seconds * 1e3, 3)}
        )

    async def _work(self, headers: Headers, body: Body, answer: "_Answer") -> None:
        exchange = exchange_of(headers)
        if self._method.streaming:
            responses = self._door.stream(self._method, self._requests(headers, body), exchange)
            await answer.stream(responses, events=EVENTS in headers.get("accept", ""))
        else:
            request = await read_request(self._method, headers, body)
            await answer.whole(to_json(await self._door.unary(self._method, request, exchange)) + b"\n")

    async def _requests(self, headers: Headers, body: Body) -> AsyncIterator[Message]:
        if not self._method.client_streaming:
            yield await read_request(self._method, headers, body)
            return
        async for request in read_requests(self._method, body):
            yield request

    async def _refuse(self, problem: Problem, headers: Headers, body: Body, answer: "_Answer") -> None:
        sending = problem.status != _TOO_SLOW and headers.get("expect", "").lower() != "100-continue"
        if sending and not answer.status:
            try:
                await body.discard()
            except ClientGone:
                return
        await answer.problem(problem)


class _Answer:
    """Writes one HTTP answer. `status` is 0 until it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._events = False
        self.status = 0

    async def whole(self, document: bytes) -> None:
        await self._start(200, {"content-type": JSON})
        await self._part(document, last=True)

    async def stream(self, messages: AsyncGenerator[Message, None], *, events: bool) -> None:
        """Begins with the first message, so that a failure before it still has its own HTTP status."""
        self._events = events
        headers = {"content-type": EVENTS if events else NDJSON, "cache-control": "no-store", "x-accel-buffering": "no"}
        async with aclosing(messages):
            async for message in messages:
                if not self.status:
                    await self._start(200, headers)
                await self._line(to_json(message))
        if not self.status:
            await self._start(200, headers)
        await self._part(b"event: end\ndata: {}\n\n" if events else b"", last=True)

    async def problem(self, problem: Problem) -> None:
        """The problem document, or the last line of a stream that has begun: {"error": problem}."""
        if not self.status:
            await self._start(problem.status, problem.headers)
            await self._part(problem.body() + b"\n", last=True)
            return
        await self._line(b'{"error":' + problem.body() + b"}", event="error")
        await self._part(b"", last=True)

    async def _line(self, document: bytes, *, event: str = "") -> None:
        if self._events:
            name = f"event: {event}\n" if event else ""
            await self._part(name.encode() + b"data: " + document + b"\n\n")
        else:
            await self._part(document + b"\n")

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _part(self, content: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": not last})


def to_json(message: Message) -> bytes:
    """Protobuf JSON on one line; empty lists and zeros are written, so that "none found" can be seen."""
    text = json_format.MessageToJson(
        message, always_print_fields_with_no_presence=True, indent=None, ensure_ascii=False
    )
    return text.encode()
