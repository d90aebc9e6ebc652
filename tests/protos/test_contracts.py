"""The conventions that every contract keeps, read from the committed descriptor set."""

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

from generate import DESCRIPTOR_SET, SOURCE_ROOT

FILES: list[FileDescriptorProto] = [
    file
    for file in FileDescriptorSet.FromString((SOURCE_ROOT / DESCRIPTOR_SET).read_bytes()).file
    if not file.name.startswith("google/")
]
MESSAGES: dict[str, DescriptorProto] = {message.name: message for file in FILES for message in file.message_type}
ENUMS: dict[str, EnumDescriptorProto] = {enum.name: enum for file in FILES for enum in file.enum_type}
RPCS: dict[str, MethodDescriptorProto] = {
    f"{service.name}.{rpc.name}": rpc for file in FILES for service in file.service for rpc in service.method
}
# These run a model; the others read or write what the service keeps.
INFERENCE = [
    *("DetectRequest", "DetectFacesRequest", "DetectStreamStart"),
    *("GenerateRequest", "InterpolateRequest", "TranslateRequest", "StylizeRequest", "DreamRequest"),
    *("ClassifyRequest", "DescribeAttributesRequest", "EmbedRequest", "EnrollRequest", "IdentifyRequest"),
    *("VerifyRequest", "ExplainRequest"),
]


def fields(message: str) -> dict[str, str]:
    """Type by name; "" for scalars."""
    return {field.name: field.type_name for field in MESSAGES[message].field}


def test_the_five_services_offer_exactly_the_designed_rpcs() -> None:
    offered = {service.name: [rpc.name for rpc in service.method] for file in FILES for service in file.service}
    assert offered == {
        "DetectorService": ["Detect", "DetectFaces", "DetectStream"],
        "GeneratorService": ["Generate", "Interpolate", "DescribeModels"],
        "TranslatorService": ["Translate", "Stylize", "Dream"],
        "RecognizerService": [
            *("Classify", "DescribeAttributes", "Embed", "Enroll", "Identify", "Verify"),
            *("ListIdentities", "DeleteIdentity", "Explain"),
        ],
        "GatewayService": ["Analyze", "AnalyzeStream", "ListModels", "SystemStatus"],
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_of_the_package_and_has_at_most_one_service(file: FileDescriptorProto) -> None:
    assert file.package == "imago.v1"
    assert len(file.service) <= 1
    assert all(service.name.endswith("Service") for service in file.service)


@pytest.mark.parametrize("rpc", RPCS.values(), ids=RPCS.keys())
def test_an_rpc_has_its_own_request_and_response(rpc: MethodDescriptorProto) -> None:
    assert rpc.input_type == f".imago.v1.{rpc.name}Request"
    assert rpc.output_type == f".imago.v1.{rpc.name}Response"


@pytest.mark.parametrize("enum", ENUMS.values(), ids=ENUMS.keys())
def test_an_enum_starts_with_its_unspecified_value(enum: EnumDescriptorProto) -> None:
    assert enum.value[0].name.endswith("_UNSPECIFIED")
    prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
    assert all(value.name.startswith(prefix) for value in enum.value)


@pytest.mark.parametrize("request_name", INFERENCE)
def test_an_inference_request_names_model_and_version(request_name: str) -> None:
    assert {"model", "version"} <= fields(request_name).keys()


@pytest.mark.parametrize("name", [name for name in RPCS if not name.startswith("GatewayService")])
def test_a_response_says_where_the_time_went(name: str) -> None:
    assert fields(f"{RPCS[name].name}Response")["timing"] == ".imago.v1.Timing"


@pytest.mark.parametrize("name", ["Embed", "DescribeAttributes", "Identify"])
def test_a_request_about_faces_carries_the_image_and_its_faces(name: str) -> None:
    assert fields(f"{name}Request")["image"] == ".imago.v1.Image"
    assert fields(f"{name}Request")["faces"] == ".imago.v1.FaceRegion"


@pytest.mark.parametrize("name", ["EnrollRequest", "DeleteIdentityRequest"])
def test_a_write_carries_tenant_and_idempotency_key(name: str) -> None:
    assert {"tenant", "idempotency_key"} <= fields(name).keys()


@pytest.mark.parametrize("name", ["StyleCode", "Embedding"])
def test_stored_vectors_are_packed_alike(name: str) -> None:
    latent = [(field.name, field.number, field.type, field.label) for field in MESSAGES["LatentVector"].field]
    assert [(field.name, field.number, field.type, field.label) for field in MESSAGES[name].field] == latent


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_services_and_rpcs_are_documented(file: FileDescriptorProto) -> None:
    commented = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments}
    for service in range(len(file.service)):
        assert (6, service) in commented
        assert all((6, service, 2, rpc) in commented for rpc in range(len(file.service[service].method)))
