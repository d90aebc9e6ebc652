"""Every mistake in a Detect is named with its field and value; a model that is wrong says with which numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imago.v1 import detector_pb2, image_pb2
from services.detector.objects import read_model
from services.runtime.config import finish_config, read_config
from services.runtime.errors import ModelFailed
from tests.services.detector.blobs import png, scene, write_blob_detector
from tests.services.detector.refusals import refused

IMAGE = png(scene(20, 20))
THREE = "without_mask, with_mask, mask_weared_incorrect"


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"score_threshold": 1.5}, "score_threshold", "score_threshold is 1.5; it must be 0 to 1"),
        ({"score_threshold": np.nan}, "score_threshold", "score_threshold is nan; it must be 0 to 1"),
        ({"iou_threshold": -0.1}, "iou_threshold", "iou_threshold is -0.1; it must be 0 to 1"),
        ({"max_detections": 3001}, "max_detections", "max_detections is 3001; it must be 1 to 3000"),
        ({"labels": ["dog"]}, "labels", f"labels has 'dog'; model 'mask_detector' knows {THREE}"),
        ({"version": "one"}, "version", "version is 'one'; it must be a decimal number, or empty"),
    ],
)
def test_an_option_out_of_range_is_refused(detect: Any, fields: dict[str, Any], field: str, sentence: str) -> None:
    assert refused(lambda: detect(IMAGE, **fields)) == ("INVALID_ARGUMENT", sentence, field)


@pytest.mark.parametrize(
    ("image", "field", "sentence"),
    [
        (image_pb2.Image(), "image", "image is not set; send encoded bytes or raw pixels"),
        (IMAGE[:60], "image.encoded", "image is a truncated PNG"),
        (b"GIF89a", "image.encoded", "image is a GIF; JPEG, PNG and WebP are accepted"),
        (image_pb2.Image(raw=image_pb2.RawImage(width=9, height=9)), "image.raw.format", "image.raw.format is PIXEL_"),
        (
            image_pb2.Image(raw=image_pb2.RawImage(width=9, height=9, format=image_pb2.PIXEL_FORMAT_RGB8)),
            "image.raw.data",
            "image has 0 bytes of raw pixels",
        ),
    ],
)
def test_an_image_that_cannot_be_decoded_is_refused(detect: Any, image: Any, field: str, sentence: str) -> None:
    code, text, named = refused(lambda: detect(image))
    assert (code, named) == ("INVALID_ARGUMENT", field)
    assert text.startswith(sentence)


def test_an_unknown_model_is_not_found(detect: Any) -> None:
    code, text, _ = refused(lambda: detect(IMAGE, model="nobody"))
    assert (code, text) == (
        "NOT_FOUND",
        "model 'nobody' is not here; models for object-detection: exclusive, mask_detector, one_image, two_labels",
    )


def test_a_model_for_something_else_is_refused(stub: Any) -> None:
    request = detector_pb2.DetectRequest(image=image_pb2.Image(encoded=IMAGE), model="face_hog")
    assert refused(lambda: stub.Detect(request)) == (
        "INVALID_ARGUMENT",
        "model is 'face_hog', which does face-detection, not object-detection",
        "model",
    )


def test_as_many_labels_as_scores_are_needed(detect: Any) -> None:
    code, text, _ = refused(lambda: detect(IMAGE, model="two_labels"))
    assert (code, text) == ("INTERNAL", "model 'two_labels' has 2 labels for the 3 columns of SCORES")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("UINT8", "FP32"), "model 'blobs' has no IMAGE of TYPE_UINT8 with 3 dims, as object-detection needs"),
        (('"SCORES"', '"CLASSES"'), "model 'blobs' has no SCORES of TYPE_FP32 with 2 dims, as object-detection needs"),
        (("dims: [3, 4]", "dims: [3, 5]"), "model 'blobs': IMAGE must be [height, width, 3] in whole numbers, BOXES"),
        (("64, 64, 3]", "-1, -1, 3]"), "model 'blobs': IMAGE must be [height, width, 3] in whole numbers, BOXES"),
        (('"false"', '"maybe"'), "model 'blobs': imago.exclusive_labels is 'maybe'; it must be true or false"),
        (("letterbox", "stretch"), "model 'blobs': imago.preprocess has resize 'stretch'; only 'letterbox' is known"),
        (
            ('label_filename: "labels.txt"', ""),
            "model 'blobs' has 0 labels for the 3 columns of SCORES: no label_filename, or with --engine triton no",
        ),
    ],
)
def test_a_configuration_that_is_no_detectors_is_told_apart(
    tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    folder = write_blob_detector(tmp_path, "blobs")
    text = (folder / "config.pbtxt").read_text()
    assert change[0] in text
    (folder / "config.pbtxt").write_text(text.replace(*change))
    with pytest.raises(ModelFailed) as caught:
        read_model(finish_config(read_config(folder), folder), "")
    assert str(caught.value).startswith(sentence)
