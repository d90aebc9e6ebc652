"""REST for calls with one answer: what is sent reaches the service, what it answers is protobuf JSON."""

import asyncio
import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format

from imago.v1 import detector_pb2, gateway_pb2, recognizer_pb2, recognizer_pb2_grpc
from tests.gateway.fakes import MIB, Context, Detector, Unavailable, gateway, photo, serving

FACES = "/v1/detector:detectFaces"
JPEG = photo(2 * MIB).encoded


class Verifier(recognizer_pb2_grpc.RecognizerServiceServicer):
    """Remembers what it was sent."""

    def __init__(self) -> None:
        self.requests: list[recognizer_pb2.VerifyRequest] = []

    def add_to(self, server: Any) -> None:
        recognizer_pb2_grpc.add_RecognizerServiceServicer_to_server(self, server)

    async def Verify(self, request: recognizer_pb2.VerifyRequest, _: Context) -> recognizer_pb2.VerifyResponse:
        self.requests.append(request)
        return recognizer_pb2.VerifyResponse(similarity=0.5)


async def test_a_photograph_sent_as_a_file_is_answered_with_its_detections() -> None:
    detector = Detector()
    async with serving(detector) as address, gateway(detector=address) as door:
        response = await door.http.post(FACES, files={"image": ("photo.jpg", JPEG, "image/jpeg")})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    answer = response.json()
    assert answer["detections"][0]["box"] == {"xMin": 1.0, "yMin": 2.0, "xMax": 3.0, "yMax": 4.0}
    assert answer["width"] == len(JPEG)
    assert detector.requests[0].image.encoded == JPEG


async def test_an_answer_without_findings_shows_its_empty_list_and_zeros() -> None:
    async with gateway() as door:
        response = await door.http.post("/v1/gateway:systemStatus", json={})
    assert response.json() == {"services": []}


async def test_everything_but_the_image_is_sent_as_json_in_the_part_request() -> None:
    detector = Detector()
    options = {"model": "face_haar", "haar": {"scaleFactor": 1.5, "min_neighbours": 3}, "scoreThreshold": 0.25}
    files: Any = {"image": ("p.jpg", b"jpeg"), "request": (None, json.dumps(options))}
    async with serving(detector) as address, gateway(detector=address) as door:
        assert (await door.http.post(FACES, files=files)).status_code == 200
        as_file: Any = {**files, "request": ("request.json", json.dumps(options), "application/json")}
        assert (await door.http.post(FACES, files=as_file)).status_code == 200
    expected = detector_pb2.DetectFacesRequest(
        image={"encoded": b"jpeg"},  # type: ignore[arg-type]  # protobuf takes a mapping
        model="face_haar",
        haar=detector_pb2.HaarOptions(scale_factor=1.5, min_neighbours=3),
        score_threshold=0.25,
    )
    assert detector.requests == [expected, expected]


async def test_two_images_of_one_request_have_a_part_each() -> None:
    verifier = Verifier()
    async with serving(verifier) as address, gateway(recognizer=address) as door:
        files: Any = {"image": ("a.jpg", b"one"), "other_image": ("b.jpg", b"two")}
        response = await door.http.post("/v1/recognizer:verify", files=files)
    assert response.json()["similarity"] == 0.5
    assert (verifier.requests[0].image.encoded, verifier.requests[0].other_image.encoded) == (b"one", b"two")


async def test_json_carries_an_image_as_base64_and_64_bit_numbers_as_strings() -> None:
    detector = Detector()
    body = {"image": {"encoded": base64.b64encode(JPEG).decode()}, "upsample": 1}
    async with serving(detector) as address, gateway(detector=address) as door:
        response = await door.http.post(FACES, json=body)
    assert detector.requests[0] == json_format.ParseDict(body, detector_pb2.DetectFacesRequest())
    assert response.json()["detections"][0]["trackId"] == "0"


async def test_raw_pixels_travel_in_json_as_in_grpc() -> None:
    detector = Detector()
    raw = {"width": 2, "height": 1, "format": "PIXEL_FORMAT_GRAY8", "data": base64.b64encode(b"\x01\x02").decode()}
    async with serving(detector) as address, gateway(detector=address) as door:
        assert (await door.http.post(FACES, json={"image": {"raw": raw}})).status_code == 200
    assert detector.requests[0].image.raw.data == b"\x01\x02"


async def test_rest_is_retried_and_routed_as_grpc_is() -> None:
    home, away = Detector(), Detector(first=Unavailable(times=2))
    files: Any = {"image": ("p.jpg", JPEG), "request": (None, '{"model": "mmod"}')}
    async with serving(home) as here, serving(away) as there:
        settings: Any = {"detector": here, "routes": [f"detector/mmod={there}"], "retry_first_backoff_s": 0.01}
        async with gateway(**settings) as door:
            assert (await door.http.post(FACES, files=files)).status_code == 200
    assert (home.calls, away.calls) == (0, 3)


async def test_the_gateways_own_rpcs_have_routes_too() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        files: Any = {"image": ("p.jpg", JPEG), "request": (None, '{"parts": [{"kind": "PART_KIND_FACES"}]}')}
        response = await door.http.post("/v1/gateway:analyze", files=files)
    answer = json_format.ParseDict(response.json(), gateway_pb2.AnalyzeResponse())
    assert answer.parts[0].status.name == "OK"
    assert answer.parts[0].faces.detections[0].label == "face"


async def test_headers_of_identity_and_tracing_reach_the_service_and_no_others() -> None:
    detector = Detector()
    headers = {
        "Authorization": "Bearer t",
        "Traceparent": "00-1-2-03",
        "Grpc-Metadata-X-Tenant": "acme",
        "Cookie": "secret=1",
        "Grpc-Metadata-Grpc-Timeout": "1n",
    }
    async with serving(detector) as address, gateway(detector=address) as door:
        assert (await door.http.post(FACES, json={}, headers=headers)).status_code == 200
    received = dict(detector.contexts[0].invocation_metadata() or ())
    assert (received["authorization"], received["traceparent"], received["x-tenant"]) == (
        "Bearer t",
        "00-1-2-03",
        "acme",
    )
    assert "cookie" not in received


@pytest.mark.parametrize(("header", "least", "most"), [("5S", 4.0, 5.0), ("900m", 0.5, 0.9), ("1M", 50, 60)])
async def test_the_header_grpc_timeout_is_the_services_deadline(header: str, least: float, most: float) -> None:
    left: list[float] = []

    async def look(_: Any, context: Context) -> None:
        left.append(context.time_remaining() or 0)

    async with serving(Detector(first=look)) as address, gateway(detector=address) as door:
        await door.http.post(FACES, json={}, headers={"Grpc-Timeout": header})
    assert least < left[0] <= most


async def test_a_caller_who_goes_away_ends_the_work_of_the_service() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work(_: Any, __: Context) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(Detector(first=work)) as address, gateway(detector=address) as door:
        _, writer = await asyncio.open_connection(*door.http_address)
        head = f"POST {FACES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        writer.write(head.encode() + b"{}")
        await asyncio.wait_for(started.wait(), 10)
        writer.close()
        await asyncio.wait_for(ended.wait(), 10)


async def test_rest_calls_are_counted_by_route_and_status() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        await door.http.post(FACES, json={})
        await door.http.post(FACES, content=b"x")
        metrics = (await door.http.get("/metrics")).text
    for status in (200, 415):
        labels = f'{{http_response_status_code="{status}",http_route="{FACES}"}}'
        assert f"http_server_request_duration_seconds_count{labels} 1.0" in metrics
