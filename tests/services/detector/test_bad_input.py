"""Every mistake of a caller is named with its field and value, and never called ours."""

from typing import Any

import numpy as np
import pytest

from imago.v1 import detector_pb2, image_pb2
from tests.photographs import astronaut
from tests.services.detector.refusals import Refusal, refused

Crops = detector_pb2.FaceCropOptions
Haar = detector_pb2.HaarOptions
SQUARE = image_pb2.RawImage(width=64, height=64, format=image_pb2.PIXEL_FORMAT_GRAY8, data=bytes(64 * 64))
BLANK = image_pb2.Image(raw=SQUARE)


def refusal(detect_faces: Any, image: image_pb2.Image, fields: dict[str, Any]) -> Refusal:
    return refused(lambda: detect_faces(image, **fields))


def raw(**changes: Any) -> image_pb2.Image:
    image = image_pb2.Image(raw=SQUARE)
    for name, value in changes.items():
        setattr(image.raw, name, value)
    return image


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"upsample": 5}, "upsample", "upsample is 5; it must be 0 to 4"),
        ({"longest_side": 63}, "longest_side", "longest_side is 63; it must be 64 to 8192"),
        ({"longest_side": 8193}, "longest_side", "longest_side is 8193; it must be 64 to 8192"),
        ({"score_threshold": np.nan}, "score_threshold", "score_threshold is nan; it must be a finite number"),
        ({"score_threshold": -9}, "score_threshold", "score_threshold is -9.0; it must be at least -1.0"),
        ({"version": "one"}, "version", "version is 'one'; it must be a decimal number, or empty"),
        (
            {"model": "face_landmarks"},
            "model",
            "model is 'face_landmarks', which does face-landmarks, not face-detection",
        ),
        ({"haar": Haar(min_size=9)}, "haar.min_size", "haar.min_size is 9; model 'face_hog' does not take it"),
        (
            {"model": "face_haar", "upsample": 1},
            "upsample",
            "upsample is 1; model 'face_haar' does not take it",
        ),
        (
            {"model": "face_mmod", "haar": Haar(scale_factor=2)},
            "haar.scale_factor",
            "haar.scale_factor is 2; model 'face_mmod' does not take it",
        ),
        ({"haar": Haar(scale_factor=1)}, "haar.scale_factor", "haar.scale_factor is 1; it must be 1.01 to 4"),
        ({"haar": Haar(min_neighbours=101)}, "haar.min_neighbours", "haar.min_neighbours is 101; it must be 0 to 100"),
        ({"haar": Haar(min_size=0)}, "haar.min_size", "haar.min_size is 0; it must be 1 to 8192"),
        ({"crops": Crops(margin=2.5)}, "crops.margin", "crops.margin is 2.5; it must be 0 to 2"),
        ({"crops": Crops(size=15)}, "crops.size", "crops.size is 15; it must be 16 to 1024"),
        ({"crops": Crops(jpeg_quality=101)}, "crops.jpeg_quality", "crops.jpeg_quality is 101; it must be 1 to 100"),
    ],
)
def test_an_option_out_of_range_or_for_another_model_is_refused(
    detect_faces: Any, fields: dict[str, Any], field: str, sentence: str
) -> None:
    assert refusal(detect_faces, BLANK, fields) == ("INVALID_ARGUMENT", sentence, field)


@pytest.mark.parametrize(
    ("image", "field", "sentence"),
    [
        (image_pb2.Image(), "image", "image is not set; send encoded bytes or raw pixels"),
        (image_pb2.Image(encoded=b""), "image.encoded", "image is empty (0 bytes)"),
        (image_pb2.Image(encoded=b"GIF89a"), "image.encoded", "image is a GIF; JPEG, PNG and WebP are accepted"),
        (image_pb2.Image(encoded=astronaut().read_bytes()[:9000]), "image.encoded", "image is a truncated PNG"),
        (raw(format=0), "image.raw.format", "image.raw.format is PIXEL_FORMAT_UNSPECIFIED; PIXEL_FORMAT_RGB8"),
        (raw(format=9), "image.raw.format", "image.raw.format is 9; PIXEL_FORMAT_RGB8"),
        (raw(width=0), "image.raw", "image is 0x64 pixels; each side must have at least 1"),
        (raw(width=70_000), "image.raw", "image is 70000x64 pixels; a side may have at most 65535"),
        (raw(height=65), "image.raw.data", "image has 4096 bytes of raw pixels; 64x65 pixels of GRAY8 need 4160"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_refused(
    detect_faces: Any, image: image_pb2.Image, field: str, sentence: str
) -> None:
    code, text, named = refusal(detect_faces, image, {})
    assert (code, named) == ("INVALID_ARGUMENT", field)
    assert text.startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "nobody"}, "model 'nobody' is not here; models for face-detection: face_haar, face_hog, face_mmod"),
        ({"version": "7"}, "Request for unknown model: 'face_hog' version 7 is not found"),
    ],
)
def test_an_unknown_model_or_version_is_not_found(detect_faces: Any, fields: dict[str, Any], sentence: str) -> None:
    assert refusal(detect_faces, BLANK, fields)[:2] == ("NOT_FOUND", sentence)


def test_crops_that_would_fill_the_memory_are_refused(detect_faces: Any) -> None:
    photograph = image_pb2.Image(encoded=astronaut().read_bytes())
    fields = {
        "model": "face_haar",
        "haar": Haar(min_neighbours=0, min_size=1, scale_factor=1.01),
        "crops": Crops(size=1024),
    }
    code, sentence, field = refusal(detect_faces, photograph, fields)
    assert (code, field) == ("INVALID_ARGUMENT", "crops")
    assert "at most 50000000 are cut" in sentence
