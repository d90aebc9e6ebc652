"""Calls over a real connection: what arrives, what is retried, when it ends, and what a failure says."""

import socket
from collections.abc import Callable, Iterator
from typing import Protocol

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from imago import errors
from imago.channel import target
from imago.client import Imago, part
from imago.options import DetectOptions, FaceOptions, GenerateOptions, InterpolateOptions, StreamOptions
from imago.v1 import detector_pb2, gateway_pb2, generator_pb2, image_pb2

MIB = 1 << 20
Failure = Callable[[grpc.ServicerContext], object]


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Failure]
    parts: list[gateway_pb2.PartResult]


@pytest.fixture
def client(fake: Fake) -> Iterator[Imago]:
    with Imago(fake.address, timeout_s=20) as client:
        yield client


def unavailable(context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, "Model face_hog is loading.")


def full(pushback_ms: int) -> Failure:
    def abort(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-retry-pushback-ms", str(pushback_ms)),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "The queue of model face_hog is full.")

    return abort


def refused(code: grpc.StatusCode, message: str, *details: Message) -> Failure:
    packed = []
    for detail in details:
        packed.append(Any())
        packed[-1].Pack(detail)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    return lambda context: context.abort_with_status(rpc_status.to_status(status))


def test_options_reach_the_detector_field_by_field(fake: Fake, client: Imago) -> None:
    haar = detector_pb2.HaarOptions(min_size=30)
    crops = detector_pb2.FaceCropOptions(aligned=True)
    answer = client.detect_faces(
        b"picture", model="face_haar", version="1", score_threshold=0.0, upsample=2, longest_side=640, haar=haar,
        largest_only=True, landmarks=True, crops=crops,
    )  # fmt: skip
    assert [detection.label for detection in answer.detections] == ["face"]
    (request,) = fake.requests
    assert request == detector_pb2.DetectFacesRequest(
        image=image_pb2.Image(encoded=b"picture"), model="face_haar", version="1", score_threshold=0.0, upsample=2,
        longest_side=640, haar=haar, largest_only=True, landmarks=True, crops=crops,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"upsample": -1}, "upsample is -1: Value out of range: -1"),
        ({"model": 3}, "model is 3: "),
        ({"hats": True}, 'hats is True: Protocol message DetectFacesRequest has no "hats" field'),
    ],
)
def test_an_option_that_the_contract_cannot_hold_is_refused_by_name(
    fake: Fake, client: Imago, options: FaceOptions, sentence: str
) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        client.detect_faces(b"picture", **options)
    assert str(caught.value).startswith(sentence)
    assert [violation.field for violation in caught.value.violations] == list(options)
    assert fake.requests == []


def test_a_call_that_only_the_gateway_has_says_so(fake: Fake, client: Imago) -> None:
    fake.failures.append(refused(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))
    with pytest.raises(errors.Unsupported, match=rf"{fake.address} does not have this call: .* the gateway for all"):
        client.models()


@pytest.mark.parametrize(
    ("options", "request_"),
    [
        (FaceOptions, detector_pb2.DetectFacesRequest),
        (DetectOptions, detector_pb2.DetectRequest),
        (StreamOptions, detector_pb2.DetectStreamStart),
        (GenerateOptions, generator_pb2.GenerateRequest),
        (InterpolateOptions, generator_pb2.InterpolateRequest),
    ],
)
def test_options_are_the_fields_of_the_request(options: type, request_: type[Message]) -> None:
    fields = {field.name for field in request_.DESCRIPTOR.fields}
    assert options.__annotations__.keys() == fields - {"image", "stops"}


def test_objects_are_asked_for_field_by_field(fake: Fake, client: Imago) -> None:
    answer = client.detect(
        b"picture", model="mask_yolo", version="1", score_threshold=0.0, iou_threshold=0.5, max_detections=9,
        labels=["with_mask"],
    )  # fmt: skip
    assert [detection.label for detection in answer.detections] == ["with_mask"]
    assert fake.requests == [
        detector_pb2.DetectRequest(
            image=image_pb2.Image(encoded=b"picture"), model="mask_yolo", version="1", score_threshold=0.0,
            iou_threshold=0.5, max_detections=9, labels=["with_mask"],
        )
    ]  # fmt: skip


def test_an_analysis_asks_for_parts_by_name_and_by_message(fake: Fake, client: Imago) -> None:
    classes = gateway_pb2.Part(kind=gateway_pb2.PART_KIND_CLASSES)
    client.analyze(b"picture", parts=["faces:face_mmod", classes], tenant="museum")
    (request,) = fake.requests
    assert isinstance(request, gateway_pb2.AnalyzeRequest)
    faces = gateway_pb2.Part(kind=gateway_pb2.PART_KIND_FACES, model="face_mmod")
    assert list(request.parts) == [faces, classes]
    assert request.tenant == "museum"


def test_a_part_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"no part hats; the parts are faces, objects, face_masks"):
        part("hats")


def test_models_and_status_are_asked_of_the_gateway(client: Imago) -> None:
    assert [model.name for model in client.models().models] == ["face_hog"]
    assert list(client.status().services) == []


@pytest.mark.parametrize("size", [MIB, 8 * MIB], ids=["1 MiB", "8 MiB"])
def test_an_image_is_sent_again_when_the_server_is_unavailable_twice(fake: Fake, client: Imago, size: int) -> None:
    fake.failures[:] = [unavailable, unavailable]
    assert client.detect_faces(bytes(size)).width == 64
    assert [len(request.SerializeToString()) > size for request in fake.requests] == [True] * 3


def test_a_full_server_says_when_to_come_back(fake: Fake, client: Imago) -> None:
    fake.failures[:] = [full(pushback_ms=1)] * 3
    assert client.detect_faces(bytes(MIB)).width == 64
    assert len(fake.requests) == 4


def test_a_full_server_can_ask_not_to_be_called_again(fake: Fake, client: Imago) -> None:
    fake.failures[:] = [full(pushback_ms=-1)]
    with pytest.raises(errors.Overloaded, match="queue of model face_hog is full"):
        client.detect_faces(b"picture")
    assert len(fake.requests) == 1


def test_retries_end_with_the_servers_own_sentence(fake: Fake, client: Imago) -> None:
    fake.failures[:] = [full(pushback_ms=1)] * 3 + [unavailable]
    with pytest.raises(errors.Unavailable, match=r"^Model face_hog is loading\.$") as caught:
        client.models()
    assert not isinstance(caught.value, errors.ServerUnreachable)
    assert len(fake.requests) == 4


def test_a_wrong_request_is_never_sent_twice(fake: Fake, client: Imago) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="upsample", description="is 9; at most 4.")
    detail = error_details_pb2.BadRequest(field_violations=[violation])
    fake.failures[:] = [refused(grpc.StatusCode.INVALID_ARGUMENT, "upsample is 9; at most 4.", detail)]
    with pytest.raises(errors.InvalidRequest, match=r"^upsample is 9; at most 4\.$") as caught:
        client.detect_faces(b"picture", upsample=9)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.violations == (errors.FieldViolation("upsample", "is 9; at most 4."),)
    assert len(fake.requests) == 1


def test_an_overload_says_when_there_is_room_again(fake: Fake, client: Imago) -> None:
    detail = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000))
    fake.failures[:] = [full(pushback_ms=1)] * 3 + [refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Full.", detail)]
    with pytest.raises(errors.Overloaded, match=r"^Full\.$") as caught:
        client.detect_faces(b"picture")
    assert caught.value.retry_after_s == 1.5


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.NOT_FOUND, errors.NotFound),
        (grpc.StatusCode.UNIMPLEMENTED, errors.Unsupported),
        (grpc.StatusCode.INTERNAL, errors.ImagoClientError),
    ],
)
def test_a_status_becomes_its_class(
    fake: Fake, client: Imago, code: grpc.StatusCode, error: type[errors.ImagoClientError]
) -> None:
    fake.failures[:] = [lambda context: context.abort(code, "")]
    with pytest.raises(errors.ImagoClientError, match=f"{fake.address} answered {code.name} and no reason") as caught:
        client.models()
    assert type(caught.value) is error
    assert caught.value.code is code


def test_details_that_contradict_the_status_do_not_hide_its_sentence(fake: Fake, client: Imago) -> None:
    lie = status_pb2.Status(code=grpc.StatusCode.NOT_FOUND.value[0], message="Another.")

    def abort(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", lie.SerializeToString()),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The image is truncated.")

    fake.failures[:] = [abort]
    with pytest.raises(errors.InvalidRequest, match="The image is truncated"):
        client.detect_faces(b"picture")


def test_a_call_ends_at_its_deadline(fake: Fake, client: Imago, hang: Failure) -> None:
    fake.failures[:] = [hang]
    with pytest.raises(errors.DeadlineExceeded, match=f"{fake.address} did not answer within 0.1 s"):
        client.detect_faces(b"picture", timeout_s=0.1)


def test_every_call_has_a_deadline(fake: Fake, client: Imago) -> None:
    remaining: list[float | None] = []
    fake.failures[:] = [lambda context: remaining.append(context.time_remaining())] * 4
    client.detect_faces(b"picture")
    client.analyze(b"picture")
    client.models()
    client.status(timeout_s=5)
    assert [left and round(left) for left in remaining] == [20, 20, 20, 5]


def test_an_address_without_a_server_is_named() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can be there
        taken.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{taken.getsockname()[1]}"
        with Imago(server) as client, pytest.raises(errors.ServerUnreachable, match=f"at {server}: is it running"):
            client.models()


def test_an_address_that_nobody_knows_is_named() -> None:
    with Imago("imago.invalid:8081") as client, pytest.raises(errors.ServerUnreachable, match=r"imago\.invalid:8081"):
        client.models()


def test_calls_are_spread_over_all_replicas(fake: Fake, second_fake: Fake) -> None:
    with Imago(f"ipv4:{fake.address},{second_fake.address}") as client:
        for _ in range(1000):
            client.models()
            if fake.requests and second_fake.requests:
                break
        before = len(fake.requests)
        for _ in range(10):
            client.models()
    assert len(fake.requests) - before == 5


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("127.0.0.1:8081", "dns:///127.0.0.1:8081"),
        ("detector.imago.svc:8001", "dns:///detector.imago.svc:8001"),
        ("dns:///detector:8001", "dns:///detector:8001"),
        ("unix:/run/imago.sock", "unix:/run/imago.sock"),
    ],
)
def test_a_server_is_resolved_to_all_its_addresses(server: str, name: str) -> None:
    assert target(server) == name
