"""One run of a model's process, seen from the server: started, watched until it ends, and its log passed on.

It ignores what is asked of the model, and whether another run follows.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.runtime.backends.python.channel import Channel, ChannelClosed, Message
from services.runtime.errors import Unavailable

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[4]
_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR, "VERBOSE": logging.DEBUG}
_LOG_BYTES = 64 * 1024
_DYING_S = 1.0


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Which model a process runs; `order` is the first message it gets."""

    model: str
    instance: str
    order: Mapping[str, Any]

    @property
    def who(self) -> str:
        return f"model '{self.model}' instance '{self.instance}'"


class ModelProcess:
    """A child process. Start and `watch` it in one thread that outlives it: the kernel ends it with that thread."""

    def __init__(self, spec: ProcessSpec) -> None:
        self._spec = spec
        self.answered = False
        """Whether it has answered a request; such a process is worth starting again at once."""
        self._how_it_ended = ""
        self._ended = threading.Event()
        self._reaping = threading.Lock()
        self._log_rest = b""
        connection, theirs = socket.socketpair()
        self._log, their_log = os.pipe()
        self.channel = Channel(connection)
        try:
            self._popen = _spawn(spec.instance, theirs.fileno(), their_log)
        except BaseException:
            self.channel.close()
            os.close(self._log)
            raise
        finally:
            theirs.close()
            os.close(their_log)
        self._pidfd = os.pidfd_open(self._popen.pid)

    def watch(self, handle: Callable[[Message], bool]) -> str:
        """Pass on log lines, and messages to `handle` until it returns False, until the process ends.

        Returns how it ended: "signal 9", "exit code 3".
        """
        poller = select.poll()
        for descriptor in (self._pidfd, self._log, self.channel.fileno()):
            poller.register(descriptor, select.POLLIN)
        try:
            self.channel.send(self._spec.order)
        except ChannelClosed:
            poller.unregister(self.channel.fileno())
        while not self.has_ended:
            ready = {descriptor for descriptor, _ in poller.poll()}
            if self.channel.fileno() in ready and not self._receive(handle):
                poller.unregister(self.channel.fileno())
            if self._log in ready and not self._pass_on_log():
                poller.unregister(self._log)
            if ready == {self._pidfd}:  # and all that it has left is read
                self._reap()
        return self._how_it_ended

    def lost(self, when: str) -> Unavailable:
        """What to tell a caller whose channel broke; waits until it is known how the process ended."""
        if not self._ended.wait(_DYING_S):
            self.kill()
            self._ended.wait()
        return Unavailable(f"{self._spec.who} stopped ({self._how_it_ended}) {when}; it is being restarted")

    def ends_within(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def kill(self) -> None:
        with self._reaping:
            if not self.has_ended:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _receive(self, handle: Callable[[Message], bool]) -> bool:
        try:
            while handle(self.channel.receive()):
                if not self.channel.buffered:
                    return True
        except ChannelClosed:
            return False
        return False

    def _pass_on_log(self) -> bool:
        data = os.read(self._log, _LOG_BYTES)
        *lines, self._log_rest = (self._log_rest + data).split(b"\n")
        for line in lines:
            level, message = json.loads(line)
            log.log(
                _LEVELS[level],
                "%s",
                message,
                extra={"model": self._spec.model, "instance": self._spec.instance},
            )
        return bool(data)

    def _reap(self) -> None:
        with self._reaping:
            # Not yet waited for, so its id still names its group and nothing else: end what the model has started, too.
            with suppress(ProcessLookupError):  # it has moved to another group
                os.killpg(self._popen.pid, signal.SIGKILL)
            code = self._popen.wait()
            self._how_it_ended = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._ended.set()
            os.close(self._pidfd)
            os.close(self._log)
        self.channel.close()


def _spawn(instance: str, channel: int, log_pipe: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    program = ["-P", "-u", "-X", "faulthandler", "-m", "services.runtime.backends.python.child"]
    return subprocess.Popen(
        [sys.executable, *program, str(channel), str(log_pipe), instance],
        stdin=subprocess.DEVNULL,
        pass_fds=(channel, log_pipe),
        env={**os.environ, "PYTHONPATH": path},
        process_group=0,  # Ctrl-C in a terminal reaches the server only, which then drains
    )
