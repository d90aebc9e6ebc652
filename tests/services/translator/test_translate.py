"""Translate over a real connection: directions, sizes, cycles and tiles."""

from typing import Any

import numpy as np
import pytest

from imago.v1 import image_pb2
from tests.services.translator.pictures import picture, received, sent
from tests.services.translator.tiny import TILE


@pytest.mark.parametrize(("width", "height"), [(TILE, TILE), (33, 21), (300, 47), (201, 190)])
def test_an_image_of_any_size_is_translated_at_its_size(translate: Any, width: int, height: int) -> None:
    photo = picture(width, height)
    answer = translate(image=sent(photo))
    assert (answer.width, answer.height, answer.direction) == (width, height, "aerial_to_map")
    assert not answer.HasField("seed")
    np.testing.assert_array_equal(received(answer.image), 255 - photo)
    assert {used.model for used in answer.timing.models} == {"aerial_to_map"}
    assert answer.cycle_error == 0


def test_there_and_back_again_is_told_with_its_difference(translate: Any) -> None:
    photo = picture(150, 90)
    answer = translate(image=sent(photo), cycle=True)
    np.testing.assert_array_equal(received(answer.image), 255 - photo)
    np.testing.assert_array_equal(received(answer.cycled), photo)
    assert answer.cycle_error == 0
    assert [used.model for used in answer.timing.models][-1] == "map_to_aerial"


def test_a_family_has_directions_and_a_model_is_one_of_them(translate: Any) -> None:
    photo = sent(picture(32, 32))
    asked = [
        {},
        {"direction": "map_to_aerial"},
        {"model": "maps", "version": "01"},
        {"model": "map_to_aerial"},
        {"model": "animals"},
    ]
    answers = [translate(image=photo, **fields) for fields in asked]
    assert [answer.timing.models[0].model for answer in answers] == [
        "aerial_to_map",
        "map_to_aerial",
        "aerial_to_map",
        "map_to_aerial",
        "cow_to_horse",
    ]
    assert [answer.timing.models[0].version for answer in answers] == ["1"] * 5


@pytest.mark.parametrize(
    ("size", "sides"), [("ORIGINAL", (200, 100)), ("UNSPECIFIED", (200, 100)), ("MODEL", (64, 32))]
)
def test_what_shrinks_a_large_image_gives_it_its_size_back(translate: Any, size: str, sides: tuple[int, int]) -> None:
    photo = picture(200, 100)
    answer = translate(image=sent(photo), model="cow_to_horse", size=f"OUTPUT_SIZE_{size}")
    assert (answer.width, answer.height) == sides
    assert received(answer.image).shape == (sides[1], sides[0], 3)
    (used,) = answer.timing.models
    # Twice resampled, so that only what is coarse comes back.
    assert abs(received(answer.image).mean() - (255 - photo).mean()) < 2
    assert used.batch_size == 1


def test_a_seed_gives_the_same_noise_again(translate: Any) -> None:
    photo = sent(np.full((32, 32, 3), 100, np.uint8))
    first = translate(image=photo, model="dim")
    again = translate(image=photo, model="dim", seed=first.seed)
    assert first.HasField("seed")
    assert again.image == first.image
    assert translate(image=photo, model="dim", seed=2**64 - 1).seed == 2**64 - 1


def test_tiles_of_one_image_share_batches(translate: Any) -> None:
    answer = translate(image=sent(picture(500, 400)))
    sizes = [used.batch_size for used in answer.timing.models]
    assert len(sizes) > 20
    assert max(sizes) == 8


def test_answers_are_encoded_as_asked(translate: Any) -> None:
    output = image_pb2.ImageOutput(format=image_pb2.IMAGE_FORMAT_RAW)
    answer = translate(image=sent(picture(40, 24)), output=output, cycle=True)
    assert (answer.image.raw.width, answer.image.raw.height, len(answer.cycled.raw.data)) == (40, 24, 40 * 24 * 3)


def test_a_whole_image_need_not_be_encoded(translate: Any) -> None:
    photo = picture(70, 30)
    raw = image_pb2.RawImage(width=70, height=30, format=image_pb2.PIXEL_FORMAT_RGB8, data=photo.tobytes())
    answer = translate(image=image_pb2.Image(raw=raw))
    np.testing.assert_array_equal(received(answer.image), 255 - photo)
