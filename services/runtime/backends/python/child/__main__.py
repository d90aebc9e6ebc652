"""The main program of a model's process: loads one `model.py`, then answers the server until it is told to stop.

It ignores queues, deadlines and restarts. The server owns this process: its signals, its end and its log.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from services.runtime.backends.python.channel import Channel, ChannelClosed
from services.runtime.backends.python.child import pb_utils
from services.runtime.backends.python.child.model import Model
from services.runtime.backends.python.child.streams import serve_streams
from services.runtime.backends.python.child.worker import Log, describe_failure, serve_batches

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Arguments: the descriptors of the channel and of the log, and the instance's name for whoever reads `ps`."""
    channel_descriptor, log_descriptor = int(sys.argv[1]), int(sys.argv[2])
    _belong_to_parent(channel_descriptor, log_descriptor)
    channel = Channel(socket.socket(fileno=channel_descriptor))
    try:
        return _serve(channel, _log_to(log_descriptor))
    except ChannelClosed:
        return 1


def _serve(channel: Channel, log: Log) -> int:
    order = channel.receive().header
    source = Path(order["source"])
    pb_utils.bind(str(source.parent), log)
    sys.modules["triton_python_backend_utils"] = pb_utils
    _search_after(source)
    try:
        model = Model(source)
        reply: dict[str, Any] = {"op": "ready"}
        if order["op"] == "auto_complete":
            reply["config"] = model.auto_complete(order["config"])
        else:
            model.initialize(order["arguments"])
    except Exception as error:
        log("ERROR", f"{source.name} does not load\n{traceback.format_exc()}")
        channel.send({"op": "failed", "error": describe_failure(error)})
        return 1
    channel.send(reply)
    if order["op"] == "initialize":
        serve = serve_streams if order["decoupled"] else serve_batches
        serve(channel, model, log)
        try:
            model.finalize()
        except Exception:
            log("ERROR", f"finalize() raised\n{traceback.format_exc()}")
    return 0


def _belong_to_parent(*descriptors: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # a signal to every process must not cut a drain short
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN, this ends with the next program that is executed
        os.register_at_fork(after_in_child=partial(signal.signal, number, signal.SIG_DFL))
    for descriptor in descriptors:  # what the model starts must not keep the ends open
        os.set_inheritable(descriptor, False)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_to(descriptor: int) -> Log:
    """A log over a pipe of its own, one JSON array a line, so that no line waits for the channel."""
    writing = threading.Lock()

    def log(level: str, message: str) -> None:
        line = memoryview(json.dumps([level, message]).encode() + b"\n")
        with writing:
            while line:
                line = line[os.write(descriptor, line) :]

    return log


def _search_after(source: Path) -> None:
    """Find modules beside the model: after installed packages, as in Triton, but before this program's own tree."""
    root = str(Path(__file__).parents[5])
    if root in sys.path:
        sys.path.remove(root)
    sys.path += [str(source.parent), str(source.parent.parent), root]


if __name__ == "__main__":
    sys.exit(main())
