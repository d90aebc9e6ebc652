"""The same work on many items, in as many processes as there are processors, with a progress bar."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.errors import TrainingError

ALONE = 8
"""Items of a process below which it takes longer to start than it saves."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(work: Callable[[Item], Result], items: Sequence[Item], title: str, chunk: int = 1) -> Iterator[Result]:
    """The results in the order of the items, as they come.

    Args:
        work: a function that can be pickled, as can its results.
        items: of them one after the other goes to whichever process is free.
        title: what is done, for people.
        chunk: items handed over at once: more where one takes only milliseconds.

    Raises:
        TrainingError: a file cannot be written, or a process was killed.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            yield from progress.track(_results(work, items, chunk), total=len(items), description=title)
    except OSError as error:
        raise TrainingError(f"{title}: {error}") from None
    except BrokenProcessPool:
        raise TrainingError(f"{title}: a process was killed; the same command does what is not done yet") from None


def _results(work: Callable[[Item], Result], items: Sequence[Item], chunk: int) -> Iterator[Result]:
    workers = min(len(items) // (ALONE * chunk), os.cpu_count() or 1)
    if workers < 2:
        yield from map(work, items)
        return
    # Spawned, because forking a process that runs threads (torch's, OpenCV's) may stop the child for ever.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
        try:
            yield from pool.map(work, items, chunksize=chunk)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """One thread for each process; Ctrl-C is the parent's to handle."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
