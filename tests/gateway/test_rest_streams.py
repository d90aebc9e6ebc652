"""Streams over REST: a line or an event for each message, in both directions at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from imago.v1 import generator_pb2, generator_pb2_grpc
from imago.v1.detector_pb2 import DetectStreamResponse
from tests.gateway.fakes import Context, Detector, Gateway, gateway, serving

STREAM = "/v1/detector:detectStream"
NDJSON = {"content-type": "application/x-ndjson"}
EVENTS = {"accept": "text/event-stream"}
START, FRAME = b'{"start": {"model": "m"}}\n', b'{"frame": {"timeUs": "7"}}\n'


class Generator(generator_pb2_grpc.GeneratorServiceServicer):
    """Streams two images, then fails if it was asked to."""

    def add_to(self, server: grpc.aio.Server) -> None:
        generator_pb2_grpc.add_GeneratorServiceServicer_to_server(self, server)

    async def Interpolate(
        self, request: generator_pb2.InterpolateRequest, context: Context
    ) -> AsyncIterator[generator_pb2.InterpolateResponse]:
        if request.model == "fails first":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        for index in range(2):
            yield generator_pb2.InterpolateResponse(index=index, total=2)
        if request.model == "fails late":
            await context.abort(grpc.StatusCode.INTERNAL, "broke")


async def interpolate(body: dict[str, Any], **headers: str) -> Any:
    async with serving(Generator()) as address, gateway(generator=address) as door:
        return await door.http.post("/v1/generator:interpolate", json=body, headers=headers)


async def test_each_message_of_a_stream_is_a_line_of_json() -> None:
    response = await interpolate({})
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["index"] for line in response.text.splitlines()] == [0, 1]


async def test_a_caller_who_accepts_events_gets_an_event_for_each_message_and_one_at_the_end() -> None:
    response = await interpolate({}, **EVENTS)
    assert response.headers["content-type"] == "text/event-stream"
    *messages, end, rest = response.text.split("\n\n")
    assert [json.loads(message.removeprefix("data: "))["index"] for message in messages] == [0, 1]
    assert (end, rest) == ("event: end\ndata: {}", "")


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["lines", "events"])
async def test_a_failure_before_the_first_message_has_its_own_http_status(headers: dict[str, str]) -> None:
    response = await interpolate({"model": "fails first"}, **headers)
    assert (response.status_code, response.json()["detail"]) == (404, "no such model")
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_failure_after_the_first_message_is_the_last_line() -> None:
    response = await interpolate({"model": "fails late"})
    *messages, last = [json.loads(line) for line in response.text.splitlines()]
    assert response.status_code == 200
    assert len(messages) == 2
    assert (last["error"]["code"], last["error"]["detail"]) == ("INTERNAL", "broke")


async def test_a_failure_after_the_first_message_is_an_event_of_its_own() -> None:
    response = await interpolate({"model": "fails late"}, **EVENTS)
    event, data = response.text.strip().split("\n\n")[-1].split("\n")
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["detail"] == "broke"


async def open_stream(door: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose body can be sent piece by piece while the answer is read."""
    reader, writer = await asyncio.open_connection(*door.http_address)
    writer.write(
        f"POST {STREAM} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    return reader, writer


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


async def test_frames_are_answered_while_later_ones_are_still_to_be_sent() -> None:
    detector = Detector()
    async with serving(detector) as address, gateway(detector=address) as door, asyncio.timeout(20):
        reader, writer = await open_stream(door)
        writer.write(chunk(START + FRAME[:5]) + chunk(FRAME[5:]))
        await reader.readuntil(b'"frameIndex": "0"')
        writer.write(chunk(b"\n" + FRAME.strip()) + chunk(b""))  # an empty line is none; the last one needs no end
        await reader.readuntil(b'"frameIndex": "1"')
        assert (await reader.readuntil(b"\r\n0\r\n\r\n")).count(b"frameIndex") == 0
        writer.close()
    assert [request.frame.time_us for request in detector.requests] == [0, 7, 7]


async def test_a_caller_who_leaves_a_stream_ends_the_work_of_the_service() -> None:
    ended = asyncio.Event()

    class Endless(Detector):
        async def DetectStream(self, requests: Any, context: Context) -> AsyncIterator[DetectStreamResponse]:
            try:
                async for _ in requests:
                    yield DetectStreamResponse()
            finally:
                ended.set()

    async with serving(Endless()) as address, gateway(detector=address) as door, asyncio.timeout(20):
        reader, writer = await open_stream(door)
        writer.write(chunk(START))
        await reader.readuntil(b"frameIndex")
        writer.close()
        await ended.wait()


@pytest.mark.parametrize("lines", [b'{"strat": {}}\n', b"{\n"], ids=["unknown field", "no JSON"])
async def test_a_first_line_that_is_no_request_is_refused_with_its_number(lines: bytes) -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        response = await door.http.post(STREAM, content=lines, headers=NDJSON)
    assert response.status_code == 400
    assert response.json()["detail"].startswith("line 1: ")


async def test_a_later_line_that_is_no_request_ends_the_stream_with_its_number() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door, asyncio.timeout(20):
        reader, writer = await open_stream(door)
        writer.write(chunk(START + FRAME))
        await reader.readuntil(b"frameIndex")
        writer.write(chunk(b'{"fram": {}}\n'))
        last = await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.close()
    assert b'{"error":' in last
    assert b"line 3: " in last


async def test_a_stream_whose_next_frame_does_not_come_is_ended() -> None:
    async with serving(Detector()) as address, gateway(detector=address, rest_body_timeout_s=0.3) as door:
        async with asyncio.timeout(20):
            reader, writer = await open_stream(door)
            writer.write(chunk(START + FRAME))
            last = await reader.readuntil(b"\r\n0\r\n\r\n")
            writer.close()
    assert b"frameIndex" in last
    assert b"did not arrive within 0.3 s" in last


async def test_a_stream_that_the_gateway_does_not_offer_is_unimplemented() -> None:
    async with gateway() as door:
        response = await door.http.post("/v1/gateway:analyzeStream", content=b"{}", headers=NDJSON)
    assert response.status_code == 501
    assert response.json()["detail"] == "This gateway does not answer imago.v1.GatewayService.AnalyzeStream."
