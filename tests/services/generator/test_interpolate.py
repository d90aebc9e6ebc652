"""Interpolate over a real connection, and how far it works ahead of its reader."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from imago.v1 import generator_pb2, image_pb2
from imago.v1.generator_pb2_grpc import GeneratorServiceStub
from services.generator.catalogue import GeneratorModel, read_model
from services.generator.interpolation import Walk
from services.generator.latents import draw_points
from services.generator.pipeline import walk_along
from services.runtime.config import ModelConfig, finish_config, read_config
from services.runtime.errors import Overloaded
from services.runtime.model import InferRequest, InferResponse, ModelTiming
from services.runtime.typed import TypedCall, image_encoder
from tests.processes import server_process
from tests.services.generator.tiny import SIDE, write_generator

Stop = generator_pb2.InterpolationStop


def walk(stub: Any, *stops: Stop, **fields: Any) -> list[generator_pb2.InterpolateResponse]:
    return list(stub.Interpolate(generator_pb2.InterpolateRequest(stops=stops, **fields), timeout=30))


def test_a_way_passes_through_the_images_of_its_stops(stub: Any, generate: Any) -> None:
    drawn = generate(count=3, seed=5).images
    stops = [Stop(seed=5), Stop(latent=drawn[1].latent), Stop(seed=5, index=2)]
    answers = walk(stub, *stops, steps=10)
    assert [answer.index for answer in answers] == list(range(21))
    assert {answer.total for answer in answers} == {21}
    assert [answer.position for answer in answers] == pytest.approx([index / 10 for index in range(21)])
    assert [answers[10 * stop].image.image for stop in range(3)] == [image.image for image in drawn]
    assert [(one.image.HasField("seed"), one.image.index) for one in answers if one.index % 10 == 0] == [
        (True, 0),
        (False, 0),
        (True, 2),
    ]
    assert all(used.model == "digits" for answer in answers for used in answer.timing.models)


def test_what_lies_between_can_be_asked_for_again(stub: Any, generate: Any) -> None:
    between = walk(stub, Stop(seed=1), Stop(seed=2), steps=4)[1:4]
    again = generate(latents=[answer.image.latent for answer in between]).images
    assert [image.image for image in again] == [answer.image.image for answer in between]


def test_a_normal_space_is_crossed_on_a_great_circle_and_a_uniform_one_straight(stub: Any) -> None:
    def middle(**fields: Any) -> Any:
        first, between, last = (np.array(one.image.latent.values) for one in walk(stub, *ends, steps=2, **fields))
        return first, between, last

    ends = (Stop(seed=1), Stop(seed=2))
    first, between, last = middle()
    lengths = [np.linalg.norm(vector) for vector in (first, between, last)]
    assert lengths[1] == pytest.approx((lengths[0] + lengths[2]) / 2, rel=1e-5)
    for straight in (middle(method=generator_pb2.INTERPOLATION_METHOD_LINEAR), middle(model="one_grey")):
        np.testing.assert_allclose(straight[1], (straight[0] + straight[2]) / 2, atol=1e-6)


def test_a_class_stays_until_a_stop_names_another(stub: Any) -> None:
    stops = [Stop(seed=1, label="banana"), Stop(seed=2), Stop(seed=3, label="apple")]
    labels = [answer.image.label for answer in walk(stub, *stops, steps=4, model="classes", closed=True)]
    assert labels == ["banana"] * 6 + ["apple"] * 4 + ["banana"] * 2


def test_truncation_is_that_of_generate(stub: Any, generate: Any) -> None:
    (image,) = generate(seed=9, truncation=0.5).images
    assert walk(stub, Stop(seed=9), Stop(seed=10), steps=1, truncation=0.5)[0].image.image == image.image


def test_nothing_is_made_for_a_client_that_has_left(tmp_path: Path) -> None:
    write_generator(tmp_path, "digits", channels=1, side=256)
    output = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)
    stops = [Stop(seed=seed) for seed in range(16)]
    request = generator_pb2.InterpolateRequest(stops=stops, steps=256, output=output)  # 250 MB
    with server_process("services.generator", f"--model-repository={tmp_path}") as server:
        with grpc.insecure_channel(server.grpc_address) as channel:
            call: Any = GeneratorServiceStub(channel).Interpolate(request)
            assert next(call).total == 15 * 256 + 1
            call.cancel()
        # A process that is told to stop finishes what it has accepted, or says with 3 that it had to cut it off.
        assert server.terminate() == 0


class CountingEngine:
    """Answers with black images; counts the rows that it was asked for."""

    def __init__(self) -> None:
        self.rows = 0
        self.cancelled = 0
        self.failure: Exception | None = None
        self.hangs = False
        self.hanging = asyncio.Event()

    async def infer(self, request: InferRequest) -> InferResponse:
        rows = len(request.inputs["LATENT"])
        self.rows += rows
        try:
            if self.hangs:
                self.hanging.set()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure:
            raise self.failure
        outputs = {"IMAGE": np.zeros((rows, SIDE, SIDE, 3), np.uint8)}
        return InferResponse(outputs, ModelTiming("digits", "1", 1, 1, rows))

    def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        raise NotImplementedError

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        raise NotImplementedError

    async def ready_models(self) -> list[str]:
        return ["digits"]

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        return ("1",)


class Context:
    def time_remaining(self) -> None:
        return None


@pytest.fixture
def model(tmp_path: Path) -> GeneratorModel:
    folder = write_generator(tmp_path, "digits")
    return read_model(finish_config(read_config(folder), folder), "1")


def along(engine: CountingEngine, model: GeneratorModel) -> Any:
    way = Walk(model.space, draw_points(model.space, 0, [(1, 0), (2, 0)]), 256, closed=False, great_circles=True)
    context: Any = Context()
    return walk_along(way, model, image_encoder(image_pb2.ImageOutput()), partial(TypedCall, engine, context))


async def test_a_reader_is_never_worked_ahead_of_by_more_than_one_piece(model: GeneratorModel) -> None:
    engine = CountingEngine()
    async with aclosing(along(engine, model)) as responses:
        for read in range(1, 50):
            assert (await anext(responses)).index == read - 1
            for _ in range(20):
                await asyncio.sleep(0)  # whatever wants to run, may
            assert engine.rows <= read + 2 * model.most_rows


async def test_leaving_ends_what_is_being_made(model: GeneratorModel) -> None:
    engine = CountingEngine()
    async with aclosing(along(engine, model)) as responses:
        await anext(responses)
        engine.hangs = True
        await engine.hanging.wait()
    assert engine.cancelled == 1
    assert engine.rows == 2 * model.most_rows


async def test_a_failure_on_the_way_ends_it_after_what_was_ready(model: GeneratorModel) -> None:
    engine = CountingEngine()
    responses = along(engine, model)
    await anext(responses)
    engine.failure = Overloaded("full")
    for _ in range(model.most_rows - 1):
        await anext(responses)
    with pytest.raises(Overloaded, match="full"):
        await anext(responses)
