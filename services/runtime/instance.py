"""One loaded copy of a model and the only thread that may touch it.

A thread of our own instead of an executor: the way there and back costs a batch half as much.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from services.runtime.model import Backend

T = TypeVar("T")
Then = Callable[[Any, BaseException | None], object]
"""Gets the result of a job, or what it raised, in the event loop."""


class InstanceThread:
    """Runs jobs one after the other. It is a daemon: a model that never returns cannot keep the process alive."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Then] | None] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, job: Callable[[], Any], then: Then) -> None:
        """Run `job` after those before it, then `then` in the event loop."""
        self._jobs.put((job, then))

    async def call(self, job: Callable[[], T]) -> T:
        """Run `job` and wait for what it returns or raises."""
        answer: asyncio.Future[T] = self._loop.create_future()

        def settle(result: T, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self.submit(job, settle)
        return await answer

    def stop(self) -> None:
        """End when the jobs so far are done."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (task := self._jobs.get()) is not None:
            job, then = task
            result, error = _outcome(job)
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(then, result, error)
            del task, job, then, result, error  # a thread that waits keeps no tensors


def _outcome(job: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return job(), None
    except BaseException as error:
        return None, error


@dataclass(frozen=True, slots=True)
class Instance:
    """A backend that is open and warm, and its thread."""

    backend: Backend
    thread: InstanceThread
