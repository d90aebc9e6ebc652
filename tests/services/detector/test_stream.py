"""DetectStream over a real connection: tracks, alerts, back-pressure, and every way to end."""

import queue
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from imago.v1.detector_pb2 import DetectStreamRequest, DetectStreamResponse, DetectStreamStart, VideoFrame
from imago.v1.detector_pb2_grpc import DetectorServiceStub
from imago.v1.image_pb2 import Image
from tests.processes import server_process
from tests.services.detector.blobs import LABELS, png, scene
from tests.services.detector.refusals import refused

BARE, MASKED, LOOSE = LABELS
THREE = "without_mask, with_mask, mask_weared_incorrect"
FRAME_US = 66_667
TIMEOUT_S = 60


def frame(index: int, image: bytes) -> DetectStreamRequest:
    return DetectStreamRequest(frame=VideoFrame(image=Image(encoded=image), time_us=index * FRAME_US))


def start(**fields: Any) -> DetectStreamRequest:
    return DetectStreamRequest(start=DetectStreamStart(**fields))


class Conversation:
    """A stream whose client waits for the answer to each frame."""

    def __init__(self, stub: DetectorServiceStub, **fields: Any) -> None:
        self._outgoing: queue.SimpleQueue[DetectStreamRequest | None] = queue.SimpleQueue()
        self.call: Any = stub.DetectStream(iter(self._outgoing.get, None), timeout=TIMEOUT_S)
        self.say(start(**fields))

    def say(self, *messages: DetectStreamRequest | None) -> None:
        for message in messages:
            self._outgoing.put(message)

    def ask(self, index: int, image: bytes) -> DetectStreamResponse:
        self.say(frame(index, image))
        response: DetectStreamResponse = next(self.call)
        return response


def watch(stub: DetectorServiceStub, images: Sequence[bytes], **fields: Any) -> Iterator[DetectStreamResponse]:
    conversation = Conversation(stub, **fields)
    yield from (conversation.ask(index, image) for index, image in enumerate(images))
    conversation.say(None)
    assert list(conversation.call) == []


def walking(label: str, count: int) -> list[bytes]:
    return [png(scene(128, 128, **{label: (4 * n, 30, 4 * n + 40, 70)})) for n in range(count)]


def test_everything_in_a_frame_has_the_number_that_it_had_before(blob_stub: Any) -> None:
    images = [
        png(scene(256, 128, **{BARE: (5 * n, 30, 5 * n + 50, 80), MASKED: (200 - 5 * n, 36, 250 - 5 * n, 90)}))
        for n in range(12)
    ]
    responses = list(watch(blob_stub, images))
    assert [response.frame_index for response in responses] == list(range(12))
    for response in responses:
        assert {detection.label: detection.track_id for detection in response.detections} == {BARE: 1, MASKED: 2}
        assert (response.width, response.height, response.dropped_frames) == (256, 128, 0)
        assert response.timing.models[0].model == "mask_detector"


def test_a_mask_that_is_taken_off_raises_one_alert_and_the_face_keeps_its_number(blob_stub: Any) -> None:
    images = [*walking(MASKED, 8), *walking(BARE, 22)[8:]]
    responses = list(watch(blob_stub, images, alert_labels=[BARE], alert_after_frames=5))
    assert {detection.track_id for response in responses for detection in response.detections} == {1}
    ((position, alert),) = [(n, alert) for n, response in enumerate(responses) for alert in response.alerts]
    assert (alert.kind, alert.track_id, alert.frame_index) == ("mask_missing", 1, position)
    assert position == 14  # the vote of five frames turns in frame 10, and holds for five
    assert alert.message == "Track 1 has worn no mask for 5 frames (0.3 s)."


def test_the_alert_can_wait_for_a_time(blob_stub: Any) -> None:
    fields = {"alert_labels": [BARE], "alert_after_frames": 1, "alert_after_ms": 500}
    responses = list(watch(blob_stub, walking(BARE, 14), **fields))
    assert [n for n, response in enumerate(responses) if response.alerts] == [8]  # 8 * 66.667 ms


def test_frames_of_another_size_begin_anew_with_new_numbers(blob_stub: Any) -> None:
    small, large = (png(scene(side, side, **{BARE: (10, 10, 50, 50)})) for side in (64, 128))
    responses = list(watch(blob_stub, [small, small, large, large]))
    assert [[d.track_id for d in response.detections] for response in responses] == [[1], [1], [2], [2]]
    assert [response.width for response in responses] == [64, 64, 128, 128]


def test_only_the_labels_that_are_wanted_are_followed(blob_stub: Any) -> None:
    both = png(scene(128, 128, **{BARE: (0, 0, 40, 40), MASKED: (60, 60, 100, 100)}))
    responses = list(watch(blob_stub, [both, both], labels=[MASKED]))
    assert [[d.label for d in response.detections] for response in responses] == [[MASKED], [MASKED]]


def test_who_sends_faster_than_frames_are_analysed_hears_how_many_were_dropped(blob_stub: Any) -> None:
    rng = np.random.default_rng(0)
    images = [png(rng.integers(0, 256, (480, 640, 3), np.uint8)) for _ in range(4)]
    count = 60
    messages = [start(), *(frame(n, images[n % 4]) for n in range(count))]
    responses = list(blob_stub.DetectStream(iter(messages), timeout=TIMEOUT_S))
    indices = [response.frame_index for response in responses]
    dropped = [response.dropped_frames for response in responses]
    assert indices[-1] == count - 1  # what waits when the client ends is answered
    assert dropped == list(np.diff([-1, *indices]) - 1)
    assert sum(dropped) + len(responses) == count
    assert len(responses) < count


def test_who_has_two_frames_unanswered_at_most_loses_none(blob_stub: Any) -> None:
    conversation = Conversation(blob_stub)
    images = walking(BARE, 40)
    conversation.say(frame(0, images[0]))
    for index in range(1, 40):
        conversation.say(frame(index, images[index]))
        assert next(conversation.call).frame_index == index - 1
    conversation.say(None)
    assert [response.frame_index for response in conversation.call] == [39]


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"score_threshold": 2}, "score_threshold", "score_threshold is 2; it must be 0 to 1"),
        ({"alert_after_frames": 1001}, "alert_after_frames", "alert_after_frames is 1001; it must be 1 to 1000"),
        ({"alert_after_ms": 3_600_001}, "alert_after_ms", "alert_after_ms is 3600001; it must be 0 to 3600000"),
        ({"alert_labels": ["dog"]}, "alert_labels", f"alert_labels has 'dog'; model 'mask_detector' knows {THREE}"),
        ({"labels": ["dog"]}, "labels", f"labels has 'dog'; model 'mask_detector' knows {THREE}"),
        (
            {"labels": [MASKED], "alert_labels": [BARE]},
            "alert_labels",
            "alert_labels has 'without_mask', which labels leaves out",
        ),
    ],
)
def test_a_wrong_start_is_refused_before_any_frame(
    blob_stub: Any, fields: dict[str, Any], field: str, sentence: str
) -> None:
    conversation = Conversation(blob_stub, **fields)
    assert refused(lambda: next(conversation.call)) == ("INVALID_ARGUMENT", sentence, field)
    conversation.say(None)


def test_a_broken_frame_ends_the_stream_with_its_index(blob_stub: Any) -> None:
    sound = walking(BARE, 1)[0]
    conversation = Conversation(blob_stub)
    conversation.ask(0, sound)
    conversation.ask(1, sound)
    conversation.say(frame(2, sound[:-30]))
    code, sentence, field = refused(lambda: next(conversation.call))
    assert (code, field) == ("INVALID_ARGUMENT", "frame.image.encoded")
    assert sentence.startswith("frame 2: image is a truncated PNG")
    conversation.say(None)


def test_a_stream_without_messages_ends_well(blob_stub: Any) -> None:
    assert list(blob_stub.DetectStream(iter([]), timeout=TIMEOUT_S)) == []


def test_a_stream_of_a_process_that_is_told_to_stop_ends_when_its_frames_are_answered(repository: Path) -> None:
    image = walking(BARE, 1)[0]
    arguments = (f"--model-repository={repository}", "--load-model=mask_detector")
    with server_process("services.detector", *arguments) as server:
        with grpc.insecure_channel(server.grpc_address) as channel:
            conversation = Conversation(DetectorServiceStub(channel))
            conversation.ask(0, image)
            conversation.say(frame(1, image))
            server.process.terminate()
            assert next(conversation.call).frame_index == 1
            code, sentence, _ = refused(lambda: next(conversation.call))
            assert code == "UNAVAILABLE"
            assert sentence.startswith("this server is shutting down: it answered what it had taken of this stream")
            conversation.say(None)
        assert server.process.wait(30) == 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(repository: Path) -> None:
    arguments = (f"--model-repository={repository}", "--load-model=mask_detector", "--drain-timeout-s=20")
    with server_process("services.detector", *arguments) as server:
        with grpc.insecure_channel(server.grpc_address) as channel:
            conversation = Conversation(DetectorServiceStub(channel))
            conversation.ask(0, walking(BARE, 1)[0])
            conversation.say(*(frame(n, image) for n, image in enumerate(walking(BARE, 8), 1)))
            conversation.call.cancel()
            conversation.say(None)
        assert server.terminate() == 0  # 3 would say that a call was cut off
        assert "Traceback" not in server.log.read_text()
