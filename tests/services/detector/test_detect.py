"""Detect over a real connection, with a model whose answers are known."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imago.v1 import image_pb2
from tests.services.detector.blobs import LABELS, SIDE, png, scene

BARE, MASKED, LOOSE = LABELS
TWO = {BARE: (40, 20, 120, 100), MASKED: (200, 30, 280, 130)}


def box(detection: image_pb2.Detection) -> tuple[float, ...]:
    return (detection.box.x_min, detection.box.y_min, detection.box.x_max, detection.box.y_max)


def found(response: Any) -> dict[str, tuple[float, ...]]:
    return {detection.label: box(detection) for detection in response.detections}


@pytest.mark.parametrize("model", ["", "one_image"])
def test_objects_come_in_pixels_of_the_original(detect: Any, model: str) -> None:
    response = detect(png(scene(320, 160, **TWO)), model=model)
    assert (response.width, response.height) == (320, 160)
    # One pixel of the letterbox is five of the image.
    assert found(response) == {label: pytest.approx(edges, abs=5) for label, edges in TWO.items()}
    assert [detection.score for detection in response.detections] == pytest.approx([1, 1], abs=0.01)
    assert [detection.track_id for detection in response.detections] == [0, 0]
    timing = response.timing
    assert [used.model for used in timing.models] == [model or "mask_detector"]
    assert min(timing.preprocess_us, timing.postprocess_us, timing.models[0].compute_us) > 0


def test_boxes_are_exact_where_the_letterbox_is(detect: Any) -> None:
    response = detect(png(scene(2 * SIDE, SIDE, **{BARE: (10, 20, 60, 40)})))
    assert found(response) == {BARE: (10, 20, 60, 40)}


def test_a_jpeg_that_is_decoded_at_a_fraction_is_answered_in_pixels_of_the_original(detect: Any) -> None:
    file = io.BytesIO()
    Image.fromarray(scene(1290, 643, **{BARE: (300, 200, 600, 400)})).save(file, "JPEG", quality=95)
    response = detect(file.getvalue())
    assert (response.width, response.height) == (1290, 643)
    # One pixel of the letterbox is 20 of the image.
    assert found(response) == {BARE: pytest.approx((300, 200, 600, 400), abs=20)}


def test_a_rotated_file_is_answered_in_upright_coordinates(detect: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a viewer turns the picture clockwise
    upright = scene(4 * SIDE, 2 * SIDE, **TWO)
    file = io.BytesIO()
    Image.fromarray(np.rot90(upright)).save(file, "PNG", exif=exif)
    assert detect(file.getvalue()).detections == detect(png(upright)).detections


def test_raw_pixels_give_what_the_same_file_gives(detect: Any) -> None:
    pixels = scene(320, 160, **TWO)
    raw = image_pb2.RawImage(width=320, height=160, format=image_pb2.PIXEL_FORMAT_RGB8, data=pixels.tobytes())
    assert detect(image_pb2.Image(raw=raw)).detections == detect(png(pixels)).detections


def test_images_of_many_sizes_share_batches_and_each_gets_its_own_answer(detect: Any) -> None:
    sizes = [(64 + 16 * n, 300 - 8 * n) for n in range(24)]
    images = [png(scene(width, height, **{BARE: (8, 16, width // 2, 48)})) for width, height in sizes]
    with ThreadPoolExecutor(len(images)) as threads:
        responses = list(threads.map(detect, images))
    for (width, height), response in zip(sizes, responses, strict=True):
        assert (response.width, response.height) == (width, height)
        tolerance = max(width, height) / SIDE
        assert found(response) == {BARE: pytest.approx((8, 16, width // 2, 48), abs=tolerance)}
    assert max(response.timing.models[0].batch_size for response in responses) > 1


def test_the_request_chooses_labels_scores_and_how_many(detect: Any) -> None:
    pixels = scene(128, 128, **{BARE: (0, 0, 40, 40), MASKED: (60, 60, 100, 100)})
    pixels[:40, :40] //= 4  # its score is 0.25
    image = png(pixels)
    assert list(found(detect(image))) == [MASKED]  # the model's own threshold is 0.3
    assert list(found(detect(image, score_threshold=0.2))) == [MASKED, BARE]
    assert list(found(detect(image, score_threshold=0.2, labels=[BARE, LOOSE]))) == [BARE]
    assert list(found(detect(image, score_threshold=0.2, max_detections=1))) == [MASKED]


def test_one_thing_has_one_label_where_the_request_or_the_model_says_so(detect: Any) -> None:
    pixels = scene(SIDE, SIDE, **{BARE: (0, 0, 40, 40)}) // 2
    pixels[2:38, 2:38] = scene(36, 36, **{MASKED: (0, 0, 36, 36)})  # what is left of the first is a frame around it
    image = png(pixels)
    assert list(found(detect(image))) == [MASKED, BARE]
    assert list(found(detect(image, one_label=True))) == [MASKED]
    assert list(found(detect(image, model="exclusive"))) == [MASKED]
    assert list(found(detect(image, model="exclusive", one_label=False))) == [MASKED, BARE]


def test_nothing_found_is_an_answer(detect: Any) -> None:
    response = detect(png(scene(30, 20)))
    assert (len(response.detections), response.width, response.height) == (0, 30, 20)
