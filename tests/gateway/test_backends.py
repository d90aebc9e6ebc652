"""What a channel does: repeat, balance, route, and say plainly when nobody is there."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import pytest

from gateway.backends import parse_route
from gateway.settings import GatewaySettings
from imago import channel as client_channel
from imago.v1 import detector_pb2, detector_pb2_grpc, recognizer_pb2, recognizer_pb2_grpc
from services.runtime.errors import Unsupported
from services.runtime.process.health import Health
from tests.gateway.fakes import (
    MIB,
    Context,
    Detector,
    Gateway,
    Recognizer,
    Unavailable,
    gateway,
    nobody,
    photo,
    serving,
    status_of,
)

FAST = {"retry_first_backoff_s": 0.01, "retry_most_backoff_s": 0.02}


def routed(detector: str, route: str) -> AbstractAsyncContextManager[Gateway]:
    return gateway(detector=detector, routes=[route])


def detector_of(door: Gateway) -> "detector_pb2_grpc.DetectorServiceAsyncStub":
    return detector_pb2_grpc.DetectorServiceStub(door.channel)


@pytest.mark.parametrize("size", [1000, MIB, 8 * MIB], ids=["1 kB", "1 MiB", "8 MiB"])
async def test_a_call_that_two_attempts_could_not_place_succeeds_with_the_third_whatever_its_size(size: int) -> None:
    detector = Detector(first=Unavailable(times=2))
    async with serving(detector) as address, gateway(detector=address, **FAST) as door:
        answer = await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest(image=photo(size)))
    assert answer.width == size
    assert detector.calls == 3


async def test_retries_end_and_the_services_own_words_are_passed_on() -> None:
    detector = Detector(first=Unavailable(times=99))
    async with serving(detector) as address, gateway(detector=address, retry_attempts=3, **FAST) as door:
        error = await status_of(detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest(image=photo())))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "warming up")
    assert detector.calls == 3


async def test_a_caller_who_repeats_as_well_does_not_multiply_the_attempts() -> None:
    detector = Detector(first=Unavailable(times=99))
    async with (
        serving(detector) as address,
        gateway(detector=address, retry_attempts=3, **FAST) as door,
        grpc.aio.insecure_channel(door.grpc_address, options=client_channel.OPTIONS) as channel,
    ):
        stub = detector_pb2_grpc.DetectorServiceStub(channel)
        error = await status_of(stub.DetectFaces(detector_pb2.DetectFacesRequest(image=photo())))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "warming up")
    assert detector.calls == 3


async def test_a_service_that_sets_another_time_for_the_next_attempt_is_overruled_by_the_last_one() -> None:
    async def not_now(_: Any, context: Context) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not now", (("grpc-retry-pushback-ms", "20"),))

    detector = Detector(first=not_now)
    async with serving(detector) as address, gateway(detector=address, retry_attempts=2, **FAST) as door:
        error = await status_of(detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest(image=photo())))
    trailers: Any = error.trailing_metadata()
    assert [value for key, value in trailers if key == "grpc-retry-pushback-ms"] == ["-1"]
    assert detector.calls == 2


@pytest.mark.parametrize(("key", "calls"), [("", 1), ("once", 2)], ids=["without key", "with key"])
async def test_a_write_is_repeated_only_when_its_key_lets_the_service_know_it_again(key: str, calls: int) -> None:
    recognizer = Recognizer()
    async with serving(recognizer) as address, gateway(recognizer=address, **FAST) as door:
        stub = recognizer_pb2_grpc.RecognizerServiceStub(door.channel)
        request = recognizer_pb2.EnrollRequest(image=photo(), idempotency_key=key)
        if key:
            await stub.Enroll(request)
        else:
            assert (await status_of(stub.Enroll(request))).code() is grpc.StatusCode.UNAVAILABLE
    assert recognizer.calls == calls


async def test_a_stream_is_never_repeated_after_its_first_answer() -> None:
    class BreaksOff(Detector):
        async def DetectStream(self, requests, context):  # type: ignore[no-untyped-def]
            self.calls += 1
            yield detector_pb2.DetectStreamResponse(frame_index=0)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")

    detector = BreaksOff()
    async with serving(detector) as address, gateway(detector=address, **FAST) as door:
        call = detector_of(door).DetectStream(None)
        await call.write(detector_pb2.DetectStreamRequest())
        assert isinstance(await call.read(), detector_pb2.DetectStreamResponse)
        error = await status_of(call.read())
    assert error.details() == "gone in the middle"
    assert detector.calls == 1


async def test_two_replicas_share_the_calls_of_one_channel() -> None:
    one, two = Detector(), Detector()
    async with serving(one) as first, serving(two) as second, gateway(detector=f"ipv4:{first},{second}") as door:
        await asyncio.wait_for(door.ready, 10)
        await until_both_answer(door, one, two)
        before = one.calls, two.calls
        for _ in range(10):
            await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest())
        assert (one.calls - before[0], two.calls - before[1]) == (5, 5)


async def until_both_answer(door: Gateway, one: Detector, two: Detector) -> None:
    """Each replica is connected at its own time."""
    async with asyncio.timeout(10):
        while not (one.calls and two.calls):
            await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest())


async def test_a_replica_that_says_it_does_not_serve_gets_no_calls() -> None:
    closing = Health()
    one, two = Detector(), Detector()
    replicas = serving(one, closing), serving(two)
    async with replicas[0] as first, replicas[1] as second, gateway(detector=f"ipv4:{first},{second}") as door:
        await asyncio.wait_for(door.ready, 10)
        for _ in range(5):
            await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest())
    assert (one.calls, two.calls) == (0, 5)


async def test_a_service_where_nobody_listens_is_named_with_its_address() -> None:
    address = nobody()
    async with gateway(detector=f"dns:///{address}", retry_attempts=1) as door:
        error = await status_of(detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == f"detector at {address} is not reachable."


async def test_a_service_that_is_there_but_not_ready_is_told_apart() -> None:
    async with serving(Detector(), Health()) as address, gateway(detector=address, retry_attempts=1) as door:
        error = await status_of(detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest()))
    assert error.details() == f"detector at {address} is not ready."


async def test_one_setting_moves_a_model_to_its_own_address() -> None:
    home, away = Detector(), Detector()
    async with serving(home) as here, serving(away) as there, routed(here, f"detector/face_mmod={there}") as door:
        for model in ("", "face_hog", "face_mmod"):
            await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest(image=photo(MIB), model=model))
        call = detector_of(door).DetectStream(None)
        start = detector_pb2.DetectStreamStart(model="face_mmod")
        await call.write(detector_pb2.DetectStreamRequest(start=start))
        await call.done_writing()
        assert [answer async for answer in call] == []
    assert [request.model for request in home.requests] == ["", "face_hog"]
    assert away.requests[0].model == "face_mmod"
    assert away.requests[1].start.model == "face_mmod"


async def test_what_names_no_model_goes_where_the_default_of_its_rpc_has_moved() -> None:
    home, away = Detector(), Detector()
    async with serving(home) as here, serving(away) as there, routed(here, f"detector:detectFaces={there}") as door:
        for model in ("", "face_hog"):
            await detector_of(door).DetectFaces(detector_pb2.DetectFacesRequest(image=photo(), model=model))
    assert [request.model for request in home.requests] == ["face_hog"]
    assert [request.model for request in away.requests] == [""]


def test_a_moved_model_needs_no_address_for_the_rest_of_its_service() -> None:
    backends = GatewaySettings(routes=["detector/face_mmod=dns:///a:1"]).backends()
    assert backends.find("detector", "face_mmod").address == "a:1"
    assert backends.offers("detector")
    with pytest.raises(Unsupported, match=r"This gateway has no detector: IMAGO_DETECTOR \(--detector\) is not set\."):
        backends.find("detector", "face_hog")


@pytest.mark.parametrize("route", ["", "detector", "detector/=a:1", "detector/m=", "gateway/m=a:1", "painter/m=a:1"])
def test_a_route_that_cannot_be_read_is_refused_with_what_is_expected(route: str) -> None:
    expected = rf"'{route}' is not service/model=address, or service:rpc=address .* where service is one of detector,"
    with pytest.raises(ValueError, match=expected):
        parse_route(route)
