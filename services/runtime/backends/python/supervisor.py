"""Keeps one instance's process running: starts it, starts it again when it ends, waits longer after useless runs.

It ignores what is asked of the model.
"""

import logging
import threading
from contextlib import suppress
from time import monotonic
from typing import Protocol

from services.runtime.backends.python.channel import ChannelClosed, Message
from services.runtime.backends.python.process import ModelProcess, ProcessSpec
from services.runtime.errors import DeadlineExpired, StartupError, Unavailable

log = logging.getLogger(__name__)

FINALIZE_S = 3.0
"""How long a model's `finalize` may take before its process is killed; less than a process takes to close."""

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 30.0


class Listener(Protocol):
    """Who takes a process's messages, in the supervisor's thread; it must not wait for anything."""

    def deliver(self, message: Message) -> None:
        """One message."""

    def ended(self, process: ModelProcess) -> None:
        """The process has ended: no more messages follow."""


class Supervisor:
    """One instance's process, over all its runs.

    With a `listener`, messages go there; without one, whoever asks the process something receives the answer itself.

    Raises (constructor):
        StartupError: the first run did not become ready; one line with the model's own exception.
    """

    def __init__(self, spec: ProcessSpec, listener: Listener | None = None) -> None:
        self._spec = spec
        self._listener = listener
        self._changed = threading.Condition()
        self._closing = False
        self._current: ModelProcess | None = None
        self._ready = False
        self._failed_starts = 0
        self._failure = ""
        self._thread = threading.Thread(target=self._supervise, name=f"{spec.instance}-supervisor", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._failed_starts)
        if self._failed_starts:
            self._thread.join()
            raise StartupError(f"{spec.who} did not start: {self._failure}")

    def process(self, deadline: float) -> ModelProcess:
        """The running process; waits for a restart until `deadline` (an instant of `time.monotonic()`).

        Raises:
            DeadlineExpired: the restart took longer.
            Unavailable: the restart failed, or the instance is being closed.
        """
        with self._changed:
            failed_starts = self._failed_starts
            while not self._ready or self._current is None or self._current.has_ended:
                left = deadline - monotonic()
                if self._closing:
                    raise Unavailable(f"{self._spec.who} is being closed")
                if self._failed_starts != failed_starts:
                    raise Unavailable(f"{self._spec.who} did not restart: {self._failure}")
                if left <= 0:
                    raise DeadlineExpired(f"the deadline passed while {self._spec.who} was being restarted")
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            return self._current

    def abandon(self) -> None:
        """End the process as it is, for good: it computes what nobody wants, and might for long."""
        with self._changed:
            self._closing = True
            if self._current is not None:
                self._current.kill()
            self._changed.notify_all()

    def close(self) -> None:
        """Let the model finalize, for at most `FINALIZE_S`, and end its process."""
        with self._changed:
            self._closing = True
            process, ready = self._current, self._ready
            self._changed.notify_all()
        if process is not None:
            if ready:
                with suppress(ChannelClosed):
                    process.channel.send({"op": "finalize"})
            if not process.ends_within(FINALIZE_S if ready else 0):
                log.warning("%s did not end within %g s of finalize(); killed", self._spec.who, FINALIZE_S)
                process.kill()
        self._thread.join()

    def _supervise(self) -> None:
        useless_runs = 0
        while True:
            first = not useless_runs and self._current is None
            was_ready, useful = self._run()
            if self._closing or (first and not was_ready):
                return
            useless_runs = 0 if useful else useless_runs + 1
            delay = min(_FIRST_DELAY_S * 2 ** (useless_runs - 1), _LONGEST_DELAY_S) if useless_runs else 0.0
            log.error("%s: %s; starting it again in %.1f s", self._spec.who, self._failure, delay)
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, delay):
                    return

    def _run(self) -> tuple[bool, bool]:
        """One run of the process: whether it became ready, and whether it answered anything."""
        try:
            process = ModelProcess(self._spec)
        except OSError as error:
            self._set_stopped(f"its process cannot be started: {error.strerror}")
            return False, False
        with self._changed:
            self._current, self._failure = process, ""
            if self._closing:
                process.kill()
        how_it_ended = process.watch(self._handle)
        was_ready = self._ready
        self._set_stopped(self._failure or f"its process stopped ({how_it_ended})")
        if self._listener is not None:
            self._listener.ended(process)
        return was_ready, process.answered

    def _handle(self, message: Message) -> bool:
        """Take one message; whether the supervisor is to read the next one, too."""
        match message.header["op"]:
            case "ready":
                with self._changed:
                    self._ready = True
                    self._changed.notify_all()
            case "failed" if not self._ready:
                self._failure = message.header["error"]
            case _ if self._listener is not None:
                self._listener.deliver(message)
        return self._listener is not None or not self._ready

    def _set_stopped(self, failure: str) -> None:
        with self._changed:
            self._failed_starts += not self._ready
            self._ready = False
            self._failure = failure
            self._changed.notify_all()
