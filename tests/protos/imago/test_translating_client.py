"""Calls of the translator over a real connection: what is sent, what comes, and when it ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from imago import errors
from imago.client import Imago
from imago.images import to_image, to_pillow
from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2 import DreamTarget, StyleCode, StyleOptimisation, WeightedStyle


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]


@pytest.fixture
def client(fake: Fake) -> Iterator[Imago]:
    with Imago(fake.address, timeout_s=20) as client:
        yield client


def test_a_translation_is_asked_for_field_by_field(fake: Fake, client: Imago, photo: Path) -> None:
    size = translator_pb2.OUTPUT_SIZE_MODEL
    answer = client.translate(photo, model="maps", direction="map_to_aerial", cycle=True, seed=3, size=size)
    assert to_pillow(answer.image).getpixel((0, 0)) == (0, 0, 200)
    assert answer.cycle_error == 0.25
    assert fake.requests == [
        translator_pb2.TranslateRequest(
            image=to_image(photo), model="maps", direction="map_to_aerial", cycle=True, seed=3, size=size
        )
    ]


def test_styles_are_pictures_codes_or_messages(fake: Fake, client: Imago, photo: Path) -> None:
    code = StyleCode(values=[1, 2], model="stylizer")
    named = WeightedStyle(name="starry", weight=2)
    optimisation = StyleOptimisation(steps=3, preview_every_steps=2)
    mask = np.zeros((4, 4), np.uint8)
    *steps, last = client.stylize(photo, photo, code, named, strength=0.0, mask=mask, optimisation=optimisation)
    assert [(answer.progress.step, answer.progress.HasField("preview")) for answer in steps] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert to_pillow(last.result.image).getpixel((0, 0)) == (0, 250, 0)
    styles = [WeightedStyle(image=to_image(photo)), WeightedStyle(code=code), named]
    request = translator_pb2.StylizeRequest(
        image=to_image(photo), styles=styles, strength=0, mask=to_image(mask), optimisation=optimisation
    )
    assert fake.requests == [request]


def test_a_dream_is_told_step_by_step(fake: Fake, client: Imago, photo: Path) -> None:
    targets = [DreamTarget(layer="relu3_2", channel=0)]
    answers = list(client.dream(photo, targets=targets, guide=photo, octaves=2, steps=3, jitter=0, seed=1))
    assert [answer.progress.octave for answer in answers[:-1]] == [0, 0, 0, 1, 1, 1]
    assert answers[-1].result.objective_after == 2
    (request,) = fake.requests
    assert isinstance(request, translator_pb2.DreamRequest)
    assert (list(request.targets), request.guide, request.HasField("jitter")) == (targets, to_image(photo), True)


def test_leaving_a_dream_ends_its_call(client: Imago, photo: Path) -> None:
    answers = client.dream(photo, steps=500)
    assert next(answers).progress.total_steps == 500
    answers.close()
    assert client.translate(photo).direction == "aerial_to_map"


def test_what_the_contract_cannot_hold_is_refused_by_name(fake: Fake, client: Imago, photo: Path) -> None:
    with pytest.raises(errors.InvalidRequest, match="^octaves is -1: "):
        client.dream(photo, octaves=-1)
    with pytest.raises(FileNotFoundError):
        client.stylize(photo, "no-such-style.jpg")
    assert fake.requests == []


def test_a_failure_on_the_way_is_one_of_ours(fake: Fake, client: Imago, photo: Path) -> None:
    fake.failures.append(lambda context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "strength is 2"))
    with pytest.raises(errors.InvalidRequest, match="strength is 2"):
        list(client.stylize(photo, image_pb2.Image(encoded=b"style")))
