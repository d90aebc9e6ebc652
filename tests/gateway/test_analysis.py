import asyncio
from typing import Any

import grpc
import pytest

from imago.v1 import gateway_pb2, gateway_pb2_grpc
from imago.v1.gateway_pb2 import PART_KIND_CLASSES, PART_KIND_FACE_MASKS, PART_KIND_FACES, PART_KIND_OBJECTS, Part
from tests.gateway.fakes import (
    Context,
    Detector,
    Gateway,
    ObjectDetector,
    gateway,
    hang_until,
    nobody,
    photo,
    serving,
    status_of,
)


async def analyze(door: Gateway, *parts: Part, timeout: float | None = None) -> gateway_pb2.AnalyzeResponse:
    request = gateway_pb2.AnalyzeRequest(image=photo(), parts=parts)
    return await gateway_pb2_grpc.GatewayServiceStub(door.channel).Analyze(request, timeout=timeout)


def outcomes(response: gateway_pb2.AnalyzeResponse) -> list[tuple[str, str]]:
    return [(part.part.model, part.status.name) for part in response.parts]


async def test_every_part_has_its_own_answer_status_and_time_in_the_order_asked() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        parts = [
            Part(kind=PART_KIND_CLASSES),
            Part(kind=PART_KIND_FACES, model="face_hog"),
            Part(kind=PART_KIND_OBJECTS),
        ]
        response = await analyze(door, *parts)
    classes, faces, objects = response.parts
    assert [part.part for part in response.parts] == parts
    assert (faces.service, faces.status.code, faces.status.name) == ("detector", 0, "OK")
    assert faces.faces.detections[0].label == "face"
    assert 0 < faces.elapsed_us <= response.elapsed_us
    assert (classes.service, classes.status.name) == ("recognizer", "UNIMPLEMENTED")
    assert classes.status.message == "This gateway has no recognizer: IMAGO_RECOGNIZER (--recognizer) is not set."
    assert classes.WhichOneof("result") is None
    assert objects.status.name == "UNIMPLEMENTED"  # this detector finds faces alone


async def test_parts_run_at_the_same_time() -> None:
    together = asyncio.Barrier(3)

    async def meet(_: Any, __: Context) -> None:
        await together.wait()

    async with serving(Detector(first=meet)) as address, gateway(detector=address) as door:
        parts = [Part(kind=PART_KIND_FACES, model=model) for model in "abc"]
        assert outcomes(await analyze(door, *parts, timeout=10)) == [("a", "OK"), ("b", "OK"), ("c", "OK")]


async def test_a_part_that_is_too_slow_ends_before_the_caller_gives_up_and_hides_nobody() -> None:
    forever = asyncio.Event()

    async def slow_for_a(request: Any, context: Context) -> None:
        if request.model == "a":
            await hang_until(forever)(request, context)

    async with serving(Detector(first=slow_for_a)) as address, gateway(detector=address) as door:
        parts = [Part(kind=PART_KIND_FACES, model=model) for model in "ab"]
        response = await analyze(door, *parts, timeout=1.0)
    assert outcomes(response) == [("a", "DEADLINE_EXCEEDED"), ("b", "OK")]


async def test_a_service_that_is_down_fails_its_own_parts_alone() -> None:
    away = nobody()
    async with serving(Detector()) as address, gateway(detector=address, recognizer=away, retry_attempts=1) as door:
        response = await analyze(door, Part(kind=PART_KIND_FACES), Part(kind=PART_KIND_CLASSES))
    faces, classes = response.parts
    assert faces.status.name == "OK"
    assert (classes.status.code, classes.status.name) == (grpc.StatusCode.UNAVAILABLE.value[0], "UNAVAILABLE")
    assert classes.status.message == f"recognizer at {away} is not reachable."


async def test_without_parts_everything_is_asked_and_what_nobody_offers_is_left_out() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        response = await analyze(door)
    assert [(part.part.kind, part.status.name) for part in response.parts] == [(PART_KIND_FACES, "OK")]


async def test_without_parts_a_model_that_nobody_has_is_left_out() -> None:
    async with serving(ObjectDetector(models=("",))) as address, gateway(detector=address) as door:
        unnamed, named = await analyze(door), await analyze(door, Part(kind=PART_KIND_OBJECTS))
    assert [part.part.kind for part in unnamed.parts] == [PART_KIND_FACES, PART_KIND_FACE_MASKS]
    assert outcomes(named) == [("", "NOT_FOUND")]
    assert named.parts[0].status.message == "no model 'object_detector'"


async def test_face_masks_are_the_services_default_and_objects_a_model_of_their_own() -> None:
    detector = ObjectDetector(models=("", "object_detector", "mask_yolo"))
    parts = [
        Part(kind=PART_KIND_FACE_MASKS),
        Part(kind=PART_KIND_OBJECTS),
        Part(kind=PART_KIND_FACE_MASKS, model="mask_yolo"),
    ]
    async with serving(detector) as address, gateway(detector=address) as door:
        response = await analyze(door, *parts)
    assert [part.part for part in response.parts] == parts
    assert [part.detections.detections[0].label for part in response.parts] == ["", "object_detector", "mask_yolo"]


async def test_objects_go_to_the_address_of_their_model() -> None:
    default, objects = ObjectDetector(), ObjectDetector(models=("object_detector",))
    async with serving(default) as here, serving(objects) as there:
        routes = [f"detector/object_detector=dns:///{there}"]
        async with gateway(detector=here, routes=routes) as door:
            response = await analyze(door, Part(kind=PART_KIND_FACE_MASKS), Part(kind=PART_KIND_OBJECTS))
    assert outcomes(response) == [("", "OK"), ("", "OK")]
    assert (default.calls, objects.calls) == (1, 1)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (gateway_pb2.AnalyzeRequest(), "image is missing"),
        (
            gateway_pb2.AnalyzeRequest(
                image=photo(), parts=[Part(kind=PART_KIND_FACES, model=str(n)) for n in range(33)]
            ),
            "parts has 33 entries; at most 32 are allowed",
        ),
        (gateway_pb2.AnalyzeRequest(image=photo(), parts=[Part()]), "parts[0].kind is 0, which names no kind"),
        (
            gateway_pb2.AnalyzeRequest(image=photo(), parts=[Part(kind=PART_KIND_FACES, model="m")] * 2),
            "parts[1] asks again for PART_KIND_FACES of model 'm'",
        ),
    ],
    ids=["no image", "too many parts", "no kind", "twice the same"],
)
async def test_a_wrong_request_is_refused_with_field_and_value(
    request_: gateway_pb2.AnalyzeRequest, sentence: str
) -> None:
    async with gateway() as door:
        error = await status_of(gateway_pb2_grpc.GatewayServiceStub(door.channel).Analyze(request_))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, sentence)


async def test_analysis_of_a_stream_is_not_offered() -> None:
    async with gateway() as door:
        call = gateway_pb2_grpc.GatewayServiceStub(door.channel).AnalyzeStream(None)
        error = await status_of(call.read())
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
