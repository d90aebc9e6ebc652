"""The service: what it costs beside a bare loop, video with tracking, switches of identity, alerts."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imago.client import Imago
from imago.v1 import detector_pb2, image_pb2
from services.runtime.geometry import iou_matrix
from tests.acceptance.detection_training import MODELS
from tests.acceptance.figures import Figures
from tests.benchmarks.detect import frame, measure
from tests.processes import ROOT, server_process
from training.render.clips import Frame, crossing, mask_removed

CLIP = (640, 360)
CLIPS = range(5)
OVERLAP = 0.5
REMOVED = 40


def throughput(figures: Figures) -> None:
    rates = measure(MODELS, "mask_detector", frame(ROOT / "docs" / "images" / "crowd.jpg"))
    served, *bare = (median(rates[arm]) for arm in ("served", "bare 1", "bare 8"))
    figures.at_least("JPEG 1280x720 in, boxes out: service to bare loop", served / max(bare), 0.85, images_per_s=rates)


def video(figures: Figures) -> None:
    """All frames of a clip, two ahead of the answers, as a file would be sent."""
    with _client() as imago:
        jpegs = [
            _jpeg(np.asarray(cv2.resize(pixels, (1280, 720)), np.uint8))
            for pixels, _ in crossing(3, width=CLIP[0], height=CLIP[1])
        ]
        _watch(imago, jpegs)
        start = time.monotonic()
        answers = _watch(imago, jpegs * 2)
        rate = len(answers) / (time.monotonic() - start)
    dropped = sum(answer.dropped_frames for answer in answers)
    figures.at_least("video 1280x720 with tracking, frames/s", rate, 15, answered=len(answers), dropped=dropped)


def identities(figures: Figures) -> None:
    """Two people who cross: whoever a person was tracked as before, they are tracked as afterwards."""
    switches, seen = 0, 0
    with _client() as imago:
        for seed in CLIPS:
            frames = list(crossing(seed, width=CLIP[0], height=CLIP[1]))
            answers = _watch(imago, [_jpeg(pixels) for pixels, _ in frames])
            changed, found = _switches(frames, answers)
            switches, seen = switches + changed, seen + found
    figures.equal(f"identity switches in {len(CLIPS)} crossings", switches, 0, faces_tracked=seen)


def alerts(figures: Figures) -> None:
    """One of three people takes the mask off: one event, however long it stays off."""
    with _client() as imago:
        for seed in CLIPS:
            frames = list(mask_removed(seed, removed=REMOVED, size=CLIP))
            raised = [
                alert
                for answer in _watch(imago, [_jpeg(pixels) for pixels, _ in frames], alert_labels=["without_mask"])
                for alert in answer.alerts
            ]
            facts = {"frames": [alert.frame_index for alert in raised]}
            figures.equal(f"alerts when one mask comes off, clip {seed}", len(raised), 1, **facts)


@contextmanager
def _client() -> Iterator[Imago]:
    arguments = (f"--model-repository={MODELS}", "--load-model=mask_detector")
    with server_process("services.detector", *arguments) as server, Imago(server.grpc_address) as imago:
        yield imago


def _watch(imago: Imago, jpegs: Sequence[bytes], **options: Any) -> list[detector_pb2.DetectStreamResponse]:
    """The answers to frames of 25 a second."""
    frames = [
        detector_pb2.VideoFrame(image=image_pb2.Image(encoded=jpeg), time_us=number * 40_000)
        for number, jpeg in enumerate(jpegs)
    ]
    return list(imago.detect_stream(frames, **options))


def _switches(frames: Sequence[Frame], answers: Sequence[detector_pb2.DetectStreamResponse]) -> tuple[int, int]:
    """How often a person's track became another, and in how many frames a person was tracked at all."""
    last: dict[int, int] = {}
    switches = seen = 0
    for (_, people), answer in zip(frames, answers, strict=True):
        boxes = [(d.box.x_min, d.box.y_min, d.box.x_max, d.box.y_max) for d in answer.detections]
        true = [labelled.edges for _, labelled in people]
        overlaps = iou_matrix(np.array(true, float).reshape(-1, 4), np.array(boxes, float).reshape(-1, 4))
        for (person, _), row in zip(people, overlaps, strict=True):
            if row.size and row.max() >= OVERLAP:
                track = answer.detections[int(row.argmax())].track_id
                switches += last.get(person, track) != track
                last[person] = track
                seen += 1
    return switches, seen


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, 92))[1])
