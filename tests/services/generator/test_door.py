"""The generator behind the gateway: REST made from its descriptors, the list of models, the state of services."""

import base64
import io
import json
from typing import Any

from PIL import Image

from imago.v1 import gateway_pb2, gateway_pb2_grpc, generator_pb2
from imago.v1.generator_pb2_grpc import GeneratorServiceStub
from tests.gateway.fakes import gateway
from tests.processes import ServerProcess
from tests.services.generator.tiny import FRUITS, SIDE, SIZE


async def test_images_come_as_base64_with_what_makes_them_again(server: ServerProcess, generate: Any) -> None:
    body = {"model": "classes", "count": 3, "seed": "18446744073709551615", "labels": ["cherry"], "firstIndex": 2}
    async with gateway(generator=server.grpc_address) as door:
        answer = (await door.http.post("/v1/generator:generate", json=body)).json()
        latents = [image["latent"] for image in answer["images"]]
        again = await door.http.post(
            "/v1/generator:generate", json={"model": "classes", "latents": latents, "labels": ["cherry"]}
        )
    expected = generate(model="classes", count=3, seed=2**64 - 1, labels=["cherry"], first_index=2).images
    assert [base64.b64decode(image["image"]["encoded"]) for image in answer["images"]] == [
        image.image.encoded for image in expected
    ]
    assert [(image["seed"], image["index"], image["label"]) for image in answer["images"]] == [
        (str(2**64 - 1), index, "cherry") for index in (2, 3, 4)
    ]
    assert [image["image"] for image in again.json()["images"]] == [image["image"] for image in answer["images"]]


async def test_a_walk_is_lines_of_json(server: ServerProcess) -> None:
    body = {"stops": [{"seed": "1"}, {"seed": "1", "index": 1}], "steps": 5}
    async with gateway(generator=server.grpc_address) as door:
        response = await door.http.post("/v1/generator:interpolate", json=body)
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [(line["index"], line["total"]) for line in lines] == [(index, 6) for index in range(6)]
    for line in lines:
        with Image.open(io.BytesIO(base64.b64decode(line["image"]["image"]["encoded"]))) as image:
            assert image.size == (SIDE, SIDE)


async def test_a_vector_at_fault_is_named_in_the_problem(server: ServerProcess) -> None:
    body = {"latents": [{"values": [0] * SIZE}, {"values": [0, 0, 0, 0, "NaN", 0]}]}
    async with gateway(generator=server.grpc_address) as door:
        response = await door.http.post("/v1/generator:generate", json=body)
    problem = response.json()
    assert (response.status_code, problem["detail"]) == (400, "latents[1].values[4] is nan; it must be finite")
    assert [violation["field"] for violation in problem["violations"]] == ["latents[1].values[4]"]


async def test_the_door_passes_calls_through_and_knows_the_generator(server: ServerProcess, generate: Any) -> None:
    async with gateway(generator=server.grpc_address) as door:
        stub: Any = GeneratorServiceStub(door.channel)
        passed = await stub.Generate(generator_pb2.GenerateRequest(count=2, seed=1))
        described = (await door.http.post("/v1/generator:describeModels", json={"model": "classes"})).json()
        front: Any = gateway_pb2_grpc.GatewayServiceStub(door.channel)
        listed = await front.ListModels(gateway_pb2.ListModelsRequest())
        (status,) = (await front.SystemStatus(gateway_pb2.SystemStatusRequest())).services
    assert passed.images == generate(count=2, seed=1).images
    assert described["models"][0]["labels"] == list(FRUITS)
    assert (status.service, status.serving) == ("generator", True)
    assert [(model.name, model.version, model.task, model.licence) for model in listed.models] == [
        ("classes", "1", "image-generation", "CC0-1.0"),
        ("digits", "1", "image-generation", "CC0-1.0"),
        ("digits", "2", "image-generation", "CC0-1.0"),
        ("one_grey", "1", "image-generation", "CC0-1.0"),
        ("scale", "1", "", ""),
    ]
