"""The translator over another server's models: tiles, streams and callers that leave, through two processes."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from imago.v1 import translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.processes import ServerProcess, server_process
from tests.services.detector.refusals import refused
from tests.services.translator.pictures import picture, received, sent


@pytest.fixture(scope="module")
def front(server: ServerProcess) -> Iterator[Any]:
    triton = ("--engine=triton", f"--triton-url={server.grpc_address}")
    with (
        server_process("services.translator", *triton) as process,
        grpc.insecure_channel(process.grpc_address) as channel,
    ):
        yield TranslatorServiceStub(channel)


def test_tiles_come_back_as_one_image(front: Any) -> None:
    photo = picture(200, 130)
    answer = front.Translate(translator_pb2.TranslateRequest(image=sent(photo), cycle=True), timeout=30)
    np.testing.assert_array_equal(received(answer.image), 255 - photo)
    assert answer.cycle_error == 0


def test_a_style_is_the_same_there(front: Any, stylize: Any) -> None:
    fields: Any = {"image": sent(picture(90, 40)), "style_image": sent(picture(50, 60, seed=1)), "strength": 0.5}
    (there,) = front.Stylize(translator_pb2.StylizeRequest(**fields), timeout=30)
    assert there.result == stylize(**fields)[0].result


def test_an_optimisation_is_streamed_from_there(front: Any) -> None:
    request = translator_pb2.StylizeRequest(
        image=sent(picture(64, 40)),
        style_image=sent(picture(50, 60, seed=1)),
        model="gatys",
        optimisation=translator_pb2.StyleOptimisation(steps=3, preview_every_steps=2),
    )
    *steps, last = front.Stylize(request, timeout=30)
    assert [(one.progress.step, one.progress.HasField("preview")) for one in steps] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert (last.result.width, last.result.height) == (64, 40)


def test_who_leaves_here_frees_the_instance_there(front: Any, dream: Any) -> None:
    photo = sent(picture(32, 32))
    one = {"image": photo, "model": "slow_dream", "octaves": 1, "steps": 1}
    before = dream(**one)[-1].result.objective_after
    long = translator_pb2.DreamRequest(image=photo, model="slow_dream", octaves=2, octave_scale=1.5, steps=500)
    call = front.Dream(long)
    assert next(call).progress.step == 1
    call.cancel()
    # As many as a busy machine makes until the news has gone through two processes; all of them are 1000.
    assert dream(**one)[-1].result.objective_after - before < 200


def test_a_mistake_has_the_same_sentence(front: Any) -> None:
    request = translator_pb2.TranslateRequest(image=sent(picture(15, 15)))
    sentence = "image is 15x15 pixels; model 'aerial_to_map' needs at least 16 on each side"
    assert refused(lambda: front.Translate(request, timeout=30)) == ("INVALID_ARGUMENT", sentence, "image")
