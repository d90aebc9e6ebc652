"""What is under way at once, what ends with what, and the arithmetic of styles."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.runtime.config import ModelConfig, finish_config, read_config
from services.runtime.errors import ModelFailed, Overloaded
from services.runtime.model import InferRequest, InferResponse, ModelTiming
from services.runtime.typed import TypedCall
from services.translator.networks import Stylizer, Translator, read_stylizer, read_translator
from services.translator.pipeline import (
    in_order,
    mean_difference,
    pooled,
    stylize,
    translate,
    with_colours_of,
    within,
)
from tests.services.translator.pictures import picture
from tests.services.translator.tiny import write_stylizer, write_translator

NO_NOISE = np.zeros(0, np.float32)


class CountingEngine:
    """Inverts what it gets, or moves it by the strength; counts the tiles that are under way."""

    def __init__(self) -> None:
        self.rows, self.most, self.cancelled, self.done = 0, 0, 0, 0
        self.failure: Exception | None = None
        self.shrinks = False
        self.asked = asyncio.Event()

    async def infer(self, request: InferRequest) -> InferResponse:
        tiles = request.inputs["IMAGE"]
        self.rows += len(tiles)
        self.most = max(self.most, self.rows)
        self.asked.set()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.rows -= len(tiles)
        self.done += len(tiles)
        if self.failure:
            raise self.failure
        if "STRENGTH" in request.inputs:
            outputs = {"STYLIZED": (tiles // 2 + 50 * request.inputs["STRENGTH"][:, :, None, None]).astype(np.uint8)}
        else:
            outputs = {"TRANSLATED": 255 - (tiles[:, 1:] if self.shrinks else tiles)}
        return InferResponse(outputs, ModelTiming(request.model, "1", 1, 1, len(tiles)))

    async def stream(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        raise NotImplementedError
        yield

    async def model_config(self, name: str, version: str = "") -> ModelConfig:
        raise NotImplementedError

    async def ready_models(self) -> list[str]:
        return []

    async def ready_versions(self, name: str) -> tuple[str, ...]:
        return ()


class Context:
    def time_remaining(self) -> None:
        return None


@pytest.fixture
def engine() -> Iterator[CountingEngine]:
    engine = CountingEngine()
    yield engine
    assert engine.rows == 0, "nothing goes on for nobody"


@pytest.fixture
def translator(tmp_path: Path) -> Translator:
    folder = write_translator(tmp_path, "aerial_to_map")
    return read_translator(finish_config(read_config(folder), folder), "")


@pytest.fixture
def stylizer(tmp_path: Path) -> Stylizer:
    folder = write_stylizer(tmp_path)
    return read_stylizer(finish_config(read_config(folder), folder), "1")


def call(engine: CountingEngine) -> TypedCall:
    context: Any = Context()
    return TypedCall(engine, context)


async def test_a_large_image_never_has_more_than_two_batches_under_way(
    engine: CountingEngine, translator: Translator
) -> None:
    photo = picture(1000, 700)
    answer = await translate(photo, translator, NO_NOISE, call(engine))
    np.testing.assert_array_equal(answer, 255 - photo)
    assert engine.most == 16
    assert engine.done > 200


async def test_a_tile_that_fails_ends_the_others(engine: CountingEngine, translator: Translator) -> None:
    engine.failure = Overloaded("full")
    with pytest.raises(Overloaded, match="full"):
        await translate(picture(1000, 700), translator, NO_NOISE, call(engine))
    assert engine.done <= 16


async def test_leaving_ends_what_is_under_way(engine: CountingEngine, translator: Translator) -> None:
    task = asyncio.create_task(translate(picture(1000, 700), translator, NO_NOISE, call(engine)))
    await engine.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.cancelled > 0


async def test_an_answer_of_another_size_is_the_models_failure(engine: CountingEngine, translator: Translator) -> None:
    engine.shrinks = True
    with pytest.raises(ModelFailed, match=r"model 'aerial_to_map': TRANSLATED has shape \(1, 31, 32, 3\) where"):
        await translate(picture(32, 32), translator, NO_NOISE, call(engine))


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_results_come_in_order_whatever_ends_first(most: int) -> None:
    started: list[int] = []

    async def work(number: int) -> int:
        started.append(number)
        for _ in range(5 - number):
            await asyncio.sleep(0)
        return number

    async with aclosing(in_order((work(number) for number in range(5)), most)) as results:
        async for number in results:
            assert len(started) <= number + most
            assert number == len([one for one in started if one < number])


async def test_strength_goes_evenly_from_the_content_to_the_style(engine: CountingEngine, stylizer: Stylizer) -> None:
    photo, code = picture(150, 70), np.zeros(6, np.float32)
    shades = [await stylize(photo, stylizer, code, code, strength, call(engine)) for strength in (0, 0.01, 0.5, 1)]
    np.testing.assert_array_equal(shades[0], photo)
    assert mean_difference(shades[1], photo) < 0.01
    np.testing.assert_array_equal(shades[3], photo // 2 + 50)
    middle = np.clip(photo // 2 + 25 + (photo - photo // 2) * 0.5 + 0.5, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(shades[2], middle)


def test_statistics_of_tiles_are_those_of_the_whole() -> None:
    maps = np.random.default_rng(0).normal(3, 2, (4, 100, 5))  # 4 tiles of 100 positions and 5 channels
    maps[1] += 7
    codes = np.concatenate([maps.mean(axis=1), maps.std(axis=1)], axis=1).astype(np.float32)
    whole = np.concatenate([maps.mean(axis=(0, 1)), maps.std(axis=(0, 1))])
    np.testing.assert_allclose(pooled(codes), whole, rtol=1e-5)  # the codes are float32


def test_colours_stay_the_contents_and_lightness_is_the_styles() -> None:
    content = np.full((2, 2, 3), (120, 80, 100), np.uint8)
    stylized = np.full((2, 2, 3), (10, 200, 90), np.uint8)
    kept = with_colours_of(content, stylized).astype(int)
    np.testing.assert_array_equal(kept[0, 0] - kept[0, 0, 0], [0, -40, -20])
    weights = np.array([0.299, 0.587, 0.114])
    assert kept[0, 0] @ weights == pytest.approx(stylized[0, 0] @ weights, abs=1.1)  # two lumas are rounded


def test_a_mask_lets_through_as_much_as_it_is_white() -> None:
    content, stylized = np.full((1, 3, 3), 100, np.uint8), np.full((1, 3, 3), 200, np.uint8)
    mask = np.array([[0, 51, 255]], np.uint8)
    assert within(mask, content, stylized)[0, :, 0].tolist() == [100, 120, 200]
