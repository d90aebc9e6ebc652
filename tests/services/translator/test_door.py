"""The translator behind the gateway: streams as lines and events, multipart images, and callers that leave."""

import base64
import json
from typing import Any

import numpy as np

from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.gateway.fakes import gateway
from tests.processes import ServerProcess
from tests.services.translator.pictures import picture, received, sent

EVENTS = {"accept": "text/event-stream"}


def decoded(message: Any) -> Any:
    """The pixels of an image in JSON."""
    return received(image_pb2.Image(encoded=base64.b64decode(message["encoded"])))


async def test_files_are_sent_as_they_are(server: ServerProcess) -> None:
    photo, style = picture(40, 32), picture(40, 40, seed=1)
    request = {"request": json.dumps({"cycle": True})}
    async with gateway(translator=server.grpc_address) as door:
        translated = await door.http.post(
            "/v1/translator:translate", data=request, files={"image": sent(photo).encoded}
        )
        files = {"image": sent(photo).encoded, "style_image": sent(style).encoded}
        stylized = await door.http.post("/v1/translator:stylize", files=files)
    np.testing.assert_array_equal(decoded(translated.json()["image"]), 255 - photo)
    np.testing.assert_array_equal(decoded(translated.json()["cycled"]), photo)
    (line,) = [json.loads(line) for line in stylized.text.splitlines()]
    assert line["result"]["styleCode"]["space"] == "rgb-statistics"


async def test_a_dream_is_streamed_as_events(server: ServerProcess) -> None:
    files = {"image": sent(picture(32, 32)).encoded}
    request = {"request": json.dumps({"octaves": 2, "steps": 3, "octaveScale": 1.5, "seed": "5"})}
    async with gateway(translator=server.grpc_address) as door:
        response = await door.http.post("/v1/translator:dream", data=request, files=files, headers=EVENTS)
    *events, end, _ = response.text.split("\n\n")
    messages = [json.loads(event.removeprefix("data: ")) for event in events]
    assert end == "event: end\ndata: {}"
    assert ["result" in message for message in messages] == [False] * 6 + [True]
    assert messages[0]["progress"]["totalSteps"] == 3
    assert messages[-1]["result"]["seed"] == "5"


async def test_a_mistake_is_a_problem_that_names_its_field(server: ServerProcess) -> None:
    files = {"image": sent(picture(32, 32)).encoded}
    request = {"request": json.dumps({"targets": [{"layer": "mixed3"}]})}
    async with gateway(translator=server.grpc_address) as door:
        response = await door.http.post("/v1/translator:dream", data=request, files=files)
    problem = response.json()
    assert (response.status_code, problem["violations"][0]["field"]) == (400, "targets[0].layer")
    assert problem["detail"] == "targets[0].layer is 'mixed3'; model 'dream' has relu1_1, relu2_1"


async def test_a_caller_who_leaves_the_door_frees_the_instance(server: ServerProcess) -> None:
    photo = sent(picture(32, 32))
    request = translator_pb2.DreamRequest(image=photo, model="slow_dream", octaves=1, steps=1)
    async with gateway(translator=server.grpc_address) as door:
        stub: Any = TranslatorServiceStub(door.channel)
        before = [message async for message in stub.Dream(request)][-1].result.objective_after
        long = translator_pb2.DreamRequest(image=photo, model="slow_dream", octaves=2, octave_scale=1.5, steps=500)
        call = stub.Dream(long)
        assert (await call.read()).progress.step == 1
        call.cancel()
        after = [message async for message in stub.Dream(request)][-1].result.objective_after
    # As many as a busy machine makes until the news has gone through two processes; all of them are 1000.
    assert after - before < 200
