"""What callers see while parts of the house stop, die and come back. Each test has a house of its own."""

import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from imago.client import Imago
from imago.errors import Unavailable
from imago.v1.detector_pb2 import DESCRIPTOR
from tests.house import House
from tests.photographs import astronaut

DETECTOR = DESCRIPTOR.services_by_name["DetectorService"].full_name
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def house() -> Iterator[House]:
    with House() as running:
        yield running


def await_health(house: House, service: str, *, serving: bool) -> None:
    """Returns when the gateway's health of `service` is as wanted; it is told of changes, it does not ask again."""
    with grpc.insecure_channel(house.grpc()) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service), timeout=60)
        for answer in watch:
            if (answer.status == SERVING) is serving:
                watch.cancel()
                return


def calls_in_flight(house: House, name: str) -> int:
    with urllib.request.urlopen(f"{house.http(name)}/metrics", timeout=10) as answer:
        found = re.search(r"^imago_calls_in_flight (\d+)", answer.read().decode(), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_killed_detector_is_told_by_name_and_found_again_when_it_is_back(house: House) -> None:
    house.kill("detector")
    await_health(house, DETECTOR, serving=False)
    with Imago(house.grpc()) as imago:
        # Short of what the attempts of the gateway times those of the client would take.
        with pytest.raises(Unavailable, match=f"detector at {house.grpc('detector')} is not reachable."):
            imago.detect_faces(astronaut(), timeout_s=3)
        part = imago.analyze(astronaut(), parts=["faces"], timeout_s=3).parts[0]
        assert part.status.name == "UNAVAILABLE"
        assert "detector" in part.status.message
        assert {status.service: status.serving for status in imago.status().services}["detector"] is False

        house.restart("detector")
        await_health(house, DETECTOR, serving=True)
        assert len(imago.detect_faces(astronaut()).detections) == 1


def test_a_detector_that_is_told_to_stop_answers_what_it_has_accepted(house: House) -> None:
    idle = calls_in_flight(house, "detector")
    with Imago(house.grpc()) as imago, ThreadPoolExecutor() as threads:
        answer = threads.submit(imago.detect_faces, astronaut(), model="face_mmod")
        while calls_in_flight(house, "detector") == idle:
            assert not answer.done(), answer.exception() or "the call was over before the detector was told to stop"
        assert house.stop("detector") == 0
        assert len(answer.result(60).detections) == 1


def test_a_gateway_that_is_told_to_stop_answers_what_it_has_accepted(house: House) -> None:
    idle = calls_in_flight(house, "gateway")
    with Imago(house.grpc()) as imago, ThreadPoolExecutor() as threads:
        answer = threads.submit(imago.analyze, astronaut(), parts=["faces:face_mmod"])
        while calls_in_flight(house, "gateway") == idle:
            assert not answer.done(), answer.exception() or "the call was over before the gateway was told to stop"
        assert house.stop("gateway") == 0
        assert [part.status.name for part in answer.result(60).parts] == ["OK"]
