"""Many pictures at once: in order, each with its own failure."""

import threading
from pathlib import Path

import grpc
import pytest

from imago import batch
from imago.errors import ImagoClientError, InvalidRequest, ServerUnreachable
from imago.outputs import Job, plan


def jobs(count: int) -> list[Job]:
    return plan([Path(f"{number}.jpg") for number in range(count)], None)


def test_results_come_in_the_order_of_the_jobs() -> None:
    second_done = threading.Event()

    def work(job: Job) -> str:
        if job.name == "0":
            assert second_done.wait(10)
        else:
            second_done.set()
        return job.name

    assert [result for _, result in batch.run(jobs(3), work, workers=2)] == ["0", "1", "2"]


def test_a_bad_picture_does_not_stop_the_others() -> None:
    def work(job: Job) -> str:
        if job.name == "1":
            raise InvalidRequest("It is truncated.", grpc.StatusCode.INVALID_ARGUMENT)
        if job.name == "2":
            raise FileNotFoundError("2.jpg")
        return job.name

    results = [result for _, result in batch.run(jobs(4), work, workers=2)]
    assert [results[0], results[3]] == ["0", "3"]
    assert isinstance(results[1], ImagoClientError)
    assert isinstance(results[2], OSError)


def test_a_server_that_is_not_there_stops_everything() -> None:
    tried = []
    over = threading.Event()

    def work(job: Job) -> None:
        tried.append(job.name)
        if job.name == "0":
            raise ServerUnreachable("Nobody.", grpc.StatusCode.UNAVAILABLE)
        over.wait()

    with pytest.raises(ServerUnreachable):
        list(batch.run(jobs(1000), work, workers=2))
    over.set()
    assert len(tried) <= 3


def test_an_error_of_our_own_is_not_taken_for_a_bad_picture() -> None:
    def work(job: Job) -> None:
        raise KeyError(job.name)

    with pytest.raises(KeyError):
        list(batch.run(jobs(1), work, workers=1))
