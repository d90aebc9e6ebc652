"""What export writes is what the service serves: the trained network's image, at whatever size one was sent."""

from collections.abc import Iterator

import cv2
import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from imago.v1 import image_pb2, translator_pb2
from imago.v1.translator_pb2_grpc import TranslatorServiceStub
from tests.processes import server_process
from tests.training.export.translators.tiny import examples, local_network, pictures, trained, whole_network
from training.export.repository import Place
from training.export.translators.pipeline import Wishes, export_translator
from training.export.translators.proof import WORST_TOLERANCE
from training.metrics.translation.images import translate_pixels

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TranslatorServiceStub]:
    """Maps in both directions, in tiles, and animals, which are shrunk."""
    root = tmp_path_factory.mktemp("models")
    for direction in ("aerial_to_map", "map_to_aerial"):
        export_translator(trained(local_network(), direction), examples(), Place(root, direction), Wishes(tile=64))
    cows = Wishes(family="animals", tile=32)
    export_translator(
        trained(whole_network(), "cow_to_horse"), examples(paired=False), Place(root, "cow_to_horse"), cows
    )
    with (
        server_process("services.translator", f"--model-repository={root}") as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        yield TranslatorServiceStub(channel)


def translated(
    service: TranslatorServiceStub, pixels: Pixels, **fields: object
) -> tuple[Pixels, translator_pb2.TranslateResponse]:
    """The pixels of an answer, and the answer."""
    request = translator_pb2.TranslateRequest(**fields)  # type: ignore[arg-type]  # names of fields
    height, width = pixels.shape[:2]
    raw = image_pb2.RawImage(width=width, height=height, format=image_pb2.PIXEL_FORMAT_RGB8, data=pixels.tobytes())
    request.image.raw.CopyFrom(raw)
    request.output.format = image_pb2.IMAGE_FORMAT_RAW
    answer = service.Translate(request, timeout=60)
    assert (answer.width, answer.height) == (width, height)
    return np.frombuffer(answer.image.raw.data, np.uint8).reshape(height, width, 3), answer


def test_an_image_of_any_size_is_mirrored_translated_and_cut_back(service: TranslatorServiceStub) -> None:
    picture = pictures(1)[0][:50, :61]
    found, answer = translated(service, picture)
    whole = np.asarray(cv2.copyMakeBorder(picture, 0, 6, 0, 3, cv2.BORDER_REFLECT_101), np.uint8)
    wanted = translate_pixels(local_network(), whole[np.newaxis])[0, :50, :61]
    assert np.abs(found.astype(int) - wanted).max() <= WORST_TOLERANCE
    assert answer.direction == "aerial_to_map", "the family maps, its first direction"
    assert answer.timing.models[0].model == "aerial_to_map"


def test_a_large_image_comes_back_in_tiles_that_are_the_whole(service: TranslatorServiceStub) -> None:
    picture = np.tile(pictures(1)[0], (3, 4, 1))
    found, _ = translated(service, picture, model="maps", direction="map_to_aerial")
    wanted = translate_pixels(local_network(), picture[np.newaxis])[0]
    apart = np.abs(found.astype(int) - wanted)
    assert apart.mean() < 1  # near a tile's end the network sees its padding, and there the neighbour counts


def test_there_and_back_leads_through_both_folders(service: TranslatorServiceStub) -> None:
    _, answer = translated(service, pictures(1)[0], model="aerial_to_map", cycle=True)
    assert answer.HasField("cycled")
    assert {timing.model for timing in answer.timing.models} == {"aerial_to_map", "map_to_aerial"}


def test_what_looks_at_the_whole_image_is_shrunk_and_scaled_back(service: TranslatorServiceStub) -> None:
    picture = pictures(1)[0]
    found, _ = translated(service, picture, model="animals", direction="cow_to_horse")
    small = np.asarray(cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA), np.uint8)
    made = translate_pixels(whole_network(), small[np.newaxis])[0]
    wanted = cv2.resize(made, (64, 64), interpolation=cv2.INTER_CUBIC)
    assert np.abs(found.astype(int) - wanted).mean() < 1
