"""Calls of the generator over a real connection: what is sent, what comes, and when it ends."""

from collections.abc import Callable, Iterator
from typing import Protocol

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from imago import errors
from imago.client import Imago
from imago.images import to_pillow
from imago.v1 import generator_pb2, image_pb2


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]


@pytest.fixture
def client(fake: Fake) -> Iterator[Imago]:
    with Imago(fake.address, timeout_s=20) as client:
        yield client


def test_images_are_asked_for_field_by_field(fake: Fake, client: Imago) -> None:
    output = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_PNG)
    answer = client.generate(
        model="fruits", version="1", count=2, seed=7, labels=["pear"], truncation=0.5, output=output, first_index=3
    )
    assert [(image.seed, image.index, image.label) for image in answer.images] == [(7, 3, "pear"), (7, 4, "pear")]
    assert to_pillow(answer.images[1].image).getpixel((0, 0)) == (40, 0, 0)
    client.generate(latents=[image.latent for image in answer.images])
    assert fake.requests == [
        generator_pb2.GenerateRequest(
            model="fruits", version="1", count=2, seed=7, labels=["pear"], truncation=0.5, output=output, first_index=3
        ),
        generator_pb2.GenerateRequest(latents=[image.latent for image in answer.images]),
    ]


def test_stops_are_seeds_vectors_or_messages(fake: Fake, client: Imago) -> None:
    vector = generator_pb2.LatentVector(values=[1.0, 2.0])
    stop = generator_pb2.InterpolationStop(seed=2, index=1, label="pear")
    method = generator_pb2.INTERPOLATION_METHOD_LINEAR
    answers = list(client.interpolate([7, vector, stop], steps=2, method=method, closed=False, model="fruits"))
    assert [answer.position for answer in answers] == [0, 0.5, 1, 1.5, 2]
    stops = [generator_pb2.InterpolationStop(seed=7), generator_pb2.InterpolationStop(latent=vector), stop]
    assert fake.requests == [
        generator_pb2.InterpolateRequest(stops=stops, steps=2, method=method, closed=False, model="fruits")
    ]


def test_what_the_contract_cannot_hold_is_refused_by_name(fake: Fake, client: Imago) -> None:
    with pytest.raises(errors.InvalidRequest, match="^stops is .*out of range"):
        list(client.interpolate([1, -1]))
    with pytest.raises(errors.InvalidRequest, match="^seed is -1: "):
        client.generate(seed=-1)
    assert fake.requests == []


def test_leaving_a_way_ends_its_call(fake: Fake, client: Imago) -> None:
    answers = client.interpolate([1, 2], steps=256)
    assert next(answers).total == 257
    answers.close()
    assert client.generate(count=1).images


def test_a_failure_on_the_way_is_one_of_ours(fake: Fake, client: Imago) -> None:
    fake.failures.append(lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "model 'f' is not here"))
    with pytest.raises(errors.NotFound, match="model 'f' is not here"):
        list(client.interpolate([1, 2]))


def test_generators_are_described(fake: Fake, client: Imago) -> None:
    (model,) = client.describe_generators("fruits", "1").models
    assert (model.name, model.width, model.height) == ("fruits", 12, 8)
    assert fake.requests == [generator_pb2.DescribeModelsRequest(model="fruits", version="1")]


@pytest.mark.parametrize(
    ("format_", "data", "mode", "first"),
    [
        (image_pb2.PIXEL_FORMAT_RGB8, bytes(range(18)), "RGB", (0, 1, 2)),
        (image_pb2.PIXEL_FORMAT_BGR8, bytes(range(18)), "RGB", (2, 1, 0)),
        (image_pb2.PIXEL_FORMAT_GRAY8, bytes(range(6)), "L", 0),
    ],
)
def test_raw_pixels_are_opened_in_their_order(
    format_: image_pb2.PixelFormat.ValueType, data: bytes, mode: str, first: object
) -> None:
    picture = to_pillow(image_pb2.Image(raw=image_pb2.RawImage(width=3, height=2, format=format_, data=data)))
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == (mode, (3, 2), first)
    assert np.asarray(picture).shape[:2] == (2, 3)


def test_what_is_no_picture_is_not_opened() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        to_pillow(image_pb2.Image())
    with pytest.raises(ValueError, match="Raw pixels of format 0 cannot be opened"):
        to_pillow(image_pb2.Image(raw=image_pb2.RawImage(width=1, height=1, data=b"1")))
    raw = image_pb2.RawImage(width=2, height=1, format=image_pb2.PIXEL_FORMAT_GRAY8, data=b"1")
    with pytest.raises(ValueError, match="not enough image data"):
        to_pillow(image_pb2.Image(raw=raw))
