"""DetectFaces over a real connection: what comes back, and in which coordinates."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from imago.v1 import detector_pb2, image_pb2
from tests.photographs import astronaut, zidane


def decoded(jpeg: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)


def edges(detection: image_pb2.Box) -> list[float]:
    return [detection.x_min, detection.y_min, detection.x_max, detection.y_max]


@pytest.fixture(scope="module")
def photograph() -> bytes:
    return astronaut().read_bytes()


def test_hog_is_the_default_and_everything_is_timed(detect_faces: Any, photograph: bytes) -> None:
    response = detect_faces(photograph, landmarks=True)
    assert (response.width, response.height) == (512, 512)
    assert [model.model for model in response.timing.models] == ["face_hog", "face_landmarks"]
    assert all(model.compute_us > 0 and model.batch_size == 1 for model in response.timing.models)
    assert response.timing.preprocess_us > 0
    assert response.timing.postprocess_us > 0


def test_a_rotated_file_is_answered_in_upright_coordinates(detect_faces: Any, photograph: bytes) -> None:
    upright = Image.open(io.BytesIO(photograph)).convert("RGB").crop((0, 0, 512, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a viewer turns the picture clockwise
    stored = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(stored, "PNG", exif=exif)
    plain = io.BytesIO()
    upright.save(plain, "PNG")
    turned, expected = detect_faces(stored.getvalue()), detect_faces(plain.getvalue())
    assert (turned.width, turned.height) == (512, 400)
    assert turned.detections == expected.detections
    assert len(turned.detections) == 1


def test_raw_pixels_give_what_the_same_file_gives(detect_faces: Any, photograph: bytes) -> None:
    bgr = decoded(photograph)
    raw = image_pb2.RawImage(width=512, height=512, format=image_pb2.PIXEL_FORMAT_BGR8, data=bgr.tobytes())
    assert detect_faces(image_pb2.Image(raw=raw)).detections == detect_faces(photograph).detections


def test_a_reduced_image_is_answered_in_coordinates_of_the_original(detect_faces: Any) -> None:
    whole = detect_faces(zidane().read_bytes(), model="face_haar")
    reduced = detect_faces(zidane().read_bytes(), model="face_haar", longest_side=640)
    assert (reduced.width, reduced.height) == (1280, 720)
    assert np.abs(np.subtract(edges(reduced.detections[0].box), edges(whole.detections[0].box))).max() < 10


def test_landmarks_come_only_when_asked_for_and_lie_in_their_box(detect_faces: Any) -> None:
    assert not detect_faces(zidane().read_bytes()).detections[0].HasField("landmarks")
    face = detect_faces(zidane().read_bytes(), landmarks=True).detections[0]
    assert face.landmarks.scheme == "dlib5"
    assert len(face.landmarks.points) == 5
    x_min, y_min, x_max, y_max = edges(face.box)
    assert all(x_min < point.x < x_max and y_min < point.y < y_max for point in face.landmarks.points)


def test_a_box_ends_at_the_edge_of_the_image(detect_faces: Any, photograph: bytes) -> None:
    cut = decoded(photograph)[40:220, 186:400]
    face = detect_faces(cv2.imencode(".png", cut)[1].tobytes(), score_threshold=-1).detections[0]
    assert face.box.x_min == 0


def test_only_the_largest_face_is_kept_when_asked_for(detect_faces: Any, photograph: bytes) -> None:
    loose = detector_pb2.HaarOptions(min_neighbours=0, scale_factor=1.05)
    every = detect_faces(photograph, model="face_haar", haar=loose).detections
    largest = detect_faces(photograph, model="face_haar", haar=loose, largest_only=True).detections
    areas = [(face.box.x_max - face.box.x_min) * (face.box.y_max - face.box.y_min) for face in every]
    assert len(areas) > 10
    assert areas == sorted(areas, reverse=True)  # the cascade's scores are equal
    assert list(largest) == [every[0]]


def test_a_threshold_keeps_the_better_faces_and_a_low_one_finds_more(detect_faces: Any, photograph: bytes) -> None:
    def scores(threshold: float) -> list[float]:
        return [face.score for face in detect_faces(photograph, upsample=1, score_threshold=threshold).detections]

    assert scores(-0.5) == sorted(scores(-0.5), reverse=True)
    assert scores(-0.5)[:2] == scores(0)
    assert min(scores(-0.5)) < 0
    assert scores(1) == scores(0)[:1]
    assert scores(2) == []


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (132, 132, 3)),
        ({"margin": 0}, (88, 88, 3)),
        ({"size": 64}, (64, 64, 3)),
        ({"aligned": True}, (160, 160, 3)),
        ({"aligned": True, "size": 96, "jpeg_quality": 50}, (96, 96, 3)),
        ({"size": 200, "margin": 2}, (200, 200, 3)),
    ],
)
def test_crops_are_jpeg_files_of_the_stated_size(
    detect_faces: Any, photograph: bytes, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    response = detect_faces(photograph, crops=detector_pb2.FaceCropOptions(**options))
    assert [crop[:3] for crop in response.crops] == [b"\xff\xd8\xff"]
    assert decoded(response.crops[0]).shape == shape


def test_a_crop_has_the_pixels_of_the_original_although_the_detector_saw_fewer(detect_faces: Any) -> None:
    crops = detector_pb2.FaceCropOptions(margin=0)
    response = detect_faces(zidane().read_bytes(), longest_side=640, crops=crops)
    x_min, y_min, x_max, y_max = (round(edge) for edge in edges(response.detections[0].box))
    shown = decoded(zidane().read_bytes())[y_min:y_max, x_min:x_max]
    assert x_max - x_min > 100
    assert cv2.PSNR(decoded(response.crops[0]), shown) > 30


def test_an_aligned_crop_has_the_eyes_level(detect_faces: Any, photograph: bytes) -> None:
    tilted = Image.open(io.BytesIO(photograph)).convert("RGB").rotate(15, Image.Resampling.BICUBIC)
    stored = io.BytesIO()
    tilted.save(stored, "PNG")
    crop = detect_faces(stored.getvalue(), crops=detector_pb2.FaceCropOptions(aligned=True, margin=1)).crops[0]
    points = detect_faces(crop, upsample=1, landmarks=True, largest_only=True).detections[0].landmarks.points
    assert abs(points[0].y - points[2].y) < 0.1 * abs(points[0].x - points[2].x)


def test_no_face_means_no_detections_landmarks_or_crops(detect_faces: Any) -> None:
    blank = cv2.imencode(".png", np.full((90, 120, 3), 200, np.uint8))[1].tobytes()
    response = detect_faces(blank, landmarks=True, crops=detector_pb2.FaceCropOptions(aligned=True))
    assert (response.width, response.height) == (120, 90)
    assert (len(response.detections), len(response.crops)) == (0, 0)
