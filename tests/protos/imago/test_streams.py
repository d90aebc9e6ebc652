"""A stream over a real connection: what is sent when, what comes back, and how it ends."""

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from imago import errors
from imago.client import Imago
from imago.streams import FrameInput
from imago.v1 import image_pb2
from imago.v1.detector_pb2 import DetectStreamRequest, DetectStreamStart, VideoFrame


class Fake(Protocol):
    address: str
    requests: list[Message]
    failures: list[Callable[[grpc.ServicerContext], object]]
    drops: int


@pytest.fixture
def client(fake: Fake) -> Iterator[Imago]:
    with Imago(fake.address, timeout_s=20) as client:
        yield client


def frame(number: int) -> VideoFrame:
    return VideoFrame(image=image_pb2.Image(encoded=b"frame"), time_us=number * 40_000)


def sent(fake: Fake) -> list[DetectStreamRequest]:
    return [request for request in fake.requests if isinstance(request, DetectStreamRequest)]


def test_the_start_goes_first_and_every_frame_is_answered(fake: Fake, client: Imago) -> None:
    answers = list(
        client.detect_stream(
            map(frame, range(5)), model="m", version="1", score_threshold=0.5, alert_labels=["with_mask"],
            alert_after_frames=2, alert_after_ms=100, labels=["with_mask"],
        )
    )  # fmt: skip
    start, *frames = sent(fake)
    assert start.start == DetectStreamStart(
        model="m", version="1", score_threshold=0.5, alert_labels=["with_mask"], alert_after_frames=2,
        alert_after_ms=100, labels=["with_mask"],
    )  # fmt: skip
    assert [one.frame for one in frames] == [frame(number) for number in range(5)]
    assert [answer.frame_index for answer in answers] == [0, 1, 2, 3, 4]
    assert [len(answer.alerts) for answer in answers] == [0, 0, 0, 1, 0]


def test_pictures_by_themselves_are_sent_with_the_time_that_has_passed(fake: Fake, client: Imago) -> None:
    pictures: list[FrameInput] = [b"jpeg", np.zeros((4, 6, 3), np.uint8)]
    assert len(list(client.detect_stream(pictures))) == 2
    first, second = (one.frame for one in sent(fake)[1:])
    assert first.image.encoded == b"jpeg"
    assert (second.image.raw.width, second.image.raw.height) == (6, 4)
    assert 0 <= first.time_us <= second.time_us


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_frames_are_unanswered_than_allowed(client: Imago, most: int) -> None:
    answered = 0
    unanswered = []

    def frames() -> Iterator[VideoFrame]:
        for number in range(20):
            unanswered.append(number - answered)  # how many were taken before this one
            yield frame(number)

    for _ in client.detect_stream(frames(), most_unanswered=most):
        answered += 1
    # An answer may be on its way from the stream to this test.
    assert max(unanswered) <= most + 1


def test_a_dropped_frame_makes_room_as_an_answered_one_does(fake: Fake, client: Imago) -> None:
    fake.drops = 2
    answers = list(client.detect_stream(map(frame, range(12)), most_unanswered=3))
    assert [(answer.frame_index, answer.dropped_frames) for answer in answers] == [(2, 2), (5, 2), (8, 2), (11, 2)]


def test_what_the_frames_raise_is_raised_after_what_was_sent_is_answered(client: Imago) -> None:
    def frames() -> Iterator[VideoFrame]:
        yield from map(frame, range(3))
        raise OSError("The camera was unplugged.")

    answers = client.detect_stream(frames())
    assert [next(answers).frame_index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="unplugged"):
        next(answers)


def test_frames_are_not_taken_any_more_when_nobody_asks_for_answers(client: Imago) -> None:
    taking = threading.Lock()

    def frames() -> Iterator[VideoFrame]:
        number = 0
        while True:
            with taking:
                number += 1
            yield frame(number)

    answers = client.detect_stream(frames(), most_unanswered=8)
    next(answers)
    answers.close()
    assert taking.acquire(blocking=False)
    assert not any(thread.name == "imago-frames" for thread in threading.enumerate())


def test_a_stream_without_frames_has_no_answers(fake: Fake, client: Imago) -> None:
    assert list(client.detect_stream([])) == []
    assert len(fake.requests) == 1


def test_a_stream_that_fails_raises_our_error_and_stops_taking_frames(fake: Fake, client: Imago) -> None:
    fake.failures[:] = [lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "Model hats does not exist.")]

    def frames() -> Iterator[VideoFrame]:
        number = 0
        while True:
            yield frame(number)
            number += 1

    with pytest.raises(errors.NotFound, match="Model hats does not exist"):
        list(client.detect_stream(frames(), model="hats"))
    assert not any(thread.name == "imago-frames" for thread in threading.enumerate())


def test_a_stream_has_the_time_limit_that_it_is_given(
    fake: Fake, client: Imago, hang: Callable[[grpc.ServicerContext], object]
) -> None:
    fake.failures[:] = [hang]
    with pytest.raises(errors.DeadlineExceeded, match=r"did not answer within 0\.1 s"):
        list(client.detect_stream([frame(0)], timeout_s=0.1))


def test_options_that_the_contract_cannot_hold_are_refused_before_the_first_frame(client: Imago) -> None:
    with pytest.raises(errors.InvalidRequest, match="alert_after_frames is -1"):
        client.detect_stream([], alert_after_frames=-1)
    with pytest.raises(ValueError, match="most_unanswered is 0"):
        client.detect_stream([], most_unanswered=0)
