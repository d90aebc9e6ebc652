import pytest

from gateway.methods import Method, all_methods, image_fields, service_names
from imago.v1 import detector_pb2, recognizer_pb2, translator_pb2

METHODS = {f"{method.service}.{method.name}": method for method in all_methods()}


def test_the_table_holds_every_rpc_of_all_five_services() -> None:
    assert set(service_names()) == {"detector", "generator", "translator", "recognizer", "gateway"}
    assert len(METHODS) == 22
    assert METHODS["detector.DetectFaces"].path == "/imago.v1.DetectorService/DetectFaces"
    assert METHODS["detector.DetectFaces"].rest_path == "/v1/detector:detectFaces"


def test_every_inference_request_tells_its_model_to_the_router() -> None:
    without = {name for name, method in METHODS.items() if not method.model_path}
    galleries = {"recognizer.ListIdentities", "recognizer.DeleteIdentity"}
    assert without == galleries | {
        f"gateway.{name}" for name in ("Analyze", "AnalyzeStream", "ListModels", "SystemStatus")
    }


def test_the_model_of_a_stream_is_read_from_its_first_message() -> None:
    start = detector_pb2.DetectStreamRequest(start=detector_pb2.DetectStreamStart(model="m"))
    assert METHODS["detector.DetectStream"].model_of(start.SerializeToString()) == "m"


@pytest.mark.parametrize("name", ["recognizer.Enroll", "recognizer.DeleteIdentity"])
def test_a_write_is_repeated_only_with_its_idempotency_key(name: str) -> None:
    method = METHODS[name]
    assert not method.may_retry(method.request().SerializeToString())
    assert method.may_retry(method.request(idempotency_key="k").SerializeToString())


def test_whatever_only_reads_may_be_repeated() -> None:
    reads = [method for method in METHODS.values() if method.name not in {"Enroll", "DeleteIdentity"}]
    assert all(method.may_retry(b"") for method in reads)


def test_images_are_found_under_their_dotted_names() -> None:
    assert set(image_fields(recognizer_pb2.VerifyRequest.DESCRIPTOR)) == {"image", "other_image"}
    assert set(image_fields(translator_pb2.StylizeRequest.DESCRIPTOR)) == {"image", "style_image", "mask"}
    assert set(image_fields(detector_pb2.DetectStreamRequest.DESCRIPTOR)) == {"frame.image"}


@pytest.mark.parametrize(
    "method", [method for method in METHODS.values() if method.streaming], ids=lambda each: each.name
)
def test_no_streamed_message_can_be_taken_for_the_line_that_reports_a_failure(method: Method) -> None:
    assert "error" not in {field.json_name for field in method.response.DESCRIPTOR.fields}
