from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.comments import comments
from gateway.methods import all_methods
from gateway.openapi import openapi
from tests.gateway.fakes import Detector, gateway, photo, serving

DOCUMENT = openapi()


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_rpc_is_a_path_with_its_comment() -> None:
    assert set(DOCUMENT["paths"]) == {method.rest_path for method in all_methods()}
    for path, item in DOCUMENT["paths"].items():
        assert item["post"]["description"], path


def test_every_field_of_the_contracts_can_be_looked_up_in_words_or_by_its_type() -> None:
    faces = DOCUMENT["components"]["schemas"]["DetectFacesRequest"]["properties"]
    assert faces["upsample"]["description"].startswith("HOG and MMOD: how often the image is doubled")
    assert faces["haar"]["$ref"] == "#/components/schemas/HaarOptions"
    assert "Excludes raw." in DOCUMENT["components"]["schemas"]["Image"]["properties"]["encoded"]["description"]
    assert (
        "PART_KIND_FACES: DetectorService.DetectFaces." in DOCUMENT["components"]["schemas"]["PartKind"]["description"]
    )


def test_the_committed_comments_belong_to_the_contracts_in_use() -> None:
    known = comments()
    assert all(f"{method.service_name}.{method.name}" in known for method in all_methods())


@pytest.mark.parametrize("path", ["/v1/detector:detectFaces", "/v1/recognizer:verify"])
def test_images_can_be_sent_as_files(path: str) -> None:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
    parts = content["multipart/form-data"]["schema"]["properties"]
    assert parts["image"]["contentMediaType"] == "application/octet-stream"
    assert parts["request"] == content["application/json"]["schema"]


def test_streams_are_lines_or_events() -> None:
    operation = DOCUMENT["paths"]["/v1/detector:detectStream"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/x-ndjson"}
    assert set(operation["responses"]["200"]["content"]) == {"application/x-ndjson", "text/event-stream"}


async def test_what_the_gateway_answers_fits_the_schemas_that_it_serves() -> None:
    async with serving(Detector()) as address, gateway(detector=address) as door:
        served: dict[str, Any] = (await door.http.get("/openapi.json")).json()
        faces = (await door.http.post("/v1/detector:detectFaces", files={"image": ("p", photo().encoded)})).json()
        analysis = (await door.http.post("/v1/gateway:analyze", files={"image": ("p", photo().encoded)})).json()
        problem = (await door.http.post("/v1/generator:generate", json={})).json()
    assert served == DOCUMENT
    for name, value in {"DetectFacesResponse": faces, "AnalyzeResponse": analysis, "Problem": problem}.items():
        schema = {**served, "$ref": f"#/components/schemas/{name}"}
        Draft202012Validator(schema).validate(value)
