"""Runs a decoupled model in its process: any number of responses to each request, from any thread, never far ahead."""

import os
import queue
import threading
import traceback
import weakref
from concurrent.futures import Future
from typing import Any

from services.runtime.backends.python.channel import Channel, ChannelClosed, Message, NamedTensor
from services.runtime.backends.python.child.model import Model
from services.runtime.backends.python.child.pb_inference import InferenceResponse
from services.runtime.backends.python.child.pb_tensor import TritonModelException
from services.runtime.backends.python.child.worker import Log, describe, describe_failure, requests_of

UNREAD_RESPONSES = 8
"""Responses of one request that may be on their way before `send` blocks."""


class StreamOutlet:
    """Where the responses of one decoupled request go."""

    def __init__(self, channel: Channel, log: Log, number: int) -> None:
        self._channel = channel
        self._log = log
        self._number = number
        self._changed = threading.Condition()
        self._credit = UNREAD_RESPONSES
        self._cancelled = False
        self.closed = False

    def deliver(self, response: InferenceResponse | None, final: bool) -> None:
        if self.closed:
            raise TritonModelException("Unable to send response. The request has ended.")
        header: dict[str, Any] = {"op": "response", "stream": self._number, "final": final}
        tensors: list[NamedTensor] = []
        if response is not None and self._spend():
            header["response"] = describe(response, tensors)
        if final or "response" in header:
            self._channel.send(header, tensors)
        self.closed = final

    def is_cancelled(self) -> bool:
        return self._cancelled

    def fail(self, error: BaseException | None) -> None:
        """Close with what `execute` raised, if anything."""
        if error is None:
            return
        self._log("ERROR", "execute() raised\n" + "".join(traceback.format_exception(error)))
        if not self.closed:
            self.closed = True
            self._channel.send({"op": "failed", "stream": self._number, "error": describe_failure(error)})

    def grant(self, responses: int) -> None:
        """The reader has taken that many more."""
        with self._changed:
            self._credit += responses
            self._changed.notify_all()

    def cancel(self) -> None:
        """The reader has gone: what is sent from now on is dropped here."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def _spend(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._credit > 0 or self._cancelled)
            self._credit -= 1
            return not self._cancelled


class _Streams:
    """The open requests of this process, and what the server says of them in a thread that no model can hold up."""

    def __init__(self, channel: Channel, log: Log) -> None:
        self._channel = channel
        self._log = log
        self._open: dict[int, StreamOutlet] = {}
        self.orders: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._dropped: queue.SimpleQueue[int] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._report_dropped, daemon=True).start()

    def open(self, number: int) -> StreamOutlet:
        self._open[number] = outlet = StreamOutlet(self._channel, self._log, number)
        return outlet

    def watch_sender(self, number: int, sender: Any) -> None:
        # Runs wherever the last reference goes, perhaps in the middle of a send: it may only leave a note.
        weakref.finalize(sender, self._dropped.put, number).atexit = False

    def _listen(self) -> None:
        try:
            while True:
                self._take(self._channel.receive())
        except ChannelClosed:
            os._exit(1)

    def _take(self, message: Message) -> None:
        outlet = self._open.get(message.header.get("stream", -1))
        if message.header["op"] in ("execute", "finalize"):
            self.orders.put(message)
        elif outlet is not None and message.header["op"] == "credit":
            outlet.grant(message.header["responses"])
        elif outlet is not None and message.header["op"] == "cancel":
            outlet.cancel()

    def _report_dropped(self) -> None:
        while True:
            number = self._dropped.get()
            if not self._open.pop(number).closed:
                self._channel.send({"op": "dropped", "stream": number})


def serve_streams(channel: Channel, model: Model, log: Log) -> None:
    """Start every request until the server says `finalize`."""
    streams = _Streams(channel, log)
    while _start(channel, model, streams, streams.orders.get()):
        pass


def _start(channel: Channel, model: Model, streams: _Streams, message: Message) -> bool:
    if message.header["op"] == "finalize":
        return False
    number = message.header["stream"]
    outlet = streams.open(number)
    (request,) = requests_of(message, [outlet])
    streams.watch_sender(number, request.get_response_sender())
    try:
        returned = model.execute([request])
        if isinstance(returned, Future):
            returned.add_done_callback(lambda future: outlet.fail(future.exception()))
        elif returned is not None:
            raise TritonModelException(
                "The model is using the decoupled mode and the execute function must return None, "
                f"found type '{type(returned).__name__}'."
            )
    except Exception as error:
        outlet.fail(error)
    channel.send({"op": "executed", "stream": number})
    return True
