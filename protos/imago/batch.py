"""Runs one piece of work over many pictures at once, so that a server can batch them.

A picture that fails does not stop the others; a server that is not there does.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imago.errors import ImagoClientError, ServerUnreachable
from imago.outputs import Job

ResultT = TypeVar("ResultT")


def run(
    jobs: Sequence[Job], work: Callable[[Job], ResultT], *, workers: int
) -> Iterator[tuple[Job, ResultT | ImagoClientError | OSError]]:
    """Each job with its result or with what it failed with, in the order of `jobs`.

    Args:
        jobs: Started from the first on.
        work: Called in `workers` threads.
        workers: 1 or more.

    Raises:
        ServerUnreachable: From the first job that finds nobody there; the jobs that have not begun never do.
    """
    pool = ThreadPoolExecutor(workers)
    try:
        running = [(job, pool.submit(work, job)) for job in jobs]
        for job, future in running:
            try:
                yield job, future.result()
            except ServerUnreachable:
                raise
            except (ImagoClientError, OSError) as error:
                yield job, error
    finally:
        # Not waited for: closing the client ends calls that are still running.
        pool.shutdown(wait=False, cancel_futures=True)
