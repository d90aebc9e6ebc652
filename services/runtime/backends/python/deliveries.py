"""Carries a decoupled model's responses from its process to whoever reads them, so that no reader holds up another."""

import itertools
import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from services.runtime.backends.python.channel import ChannelClosed, Message
from services.runtime.backends.python.process import ModelProcess
from services.runtime.backends.python.wire import Wire
from services.runtime.errors import ImagoError
from services.runtime.model import InferRequest, ResponseSink


class _ReaderLeft:
    """The sink was cancelled."""


_Event = Message | ImagoError | _ReaderLeft


class Delivery:
    """One decoupled request, with a thread of its own: a slow sink holds up nothing else."""

    def __init__(self, number: int, request: InferRequest, sink: ResponseSink, process: ModelProcess) -> None:
        self.number = number
        self.process = process
        self.executed = threading.Event()
        """The instance can take another request."""
        self._wanted = request.outputs
        self._sink = sink
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()

    def put(self, event: _Event) -> None:
        """Something happened: a response, the end, or the reader left. Any thread; never blocks."""
        self._events.put(event)

    def run(self, wire: Wire) -> None:
        """Pass on responses until the last one or an error; then the sink is finished."""
        self._sink.on_cancel(partial(self._events.put, _ReaderLeft()))  # no way back from the sink to this object
        error: ImagoError | None = None
        final = False
        while not final and error is None:
            event = self._events.get()
            if isinstance(event, ImagoError):
                error = event
            elif isinstance(event, _ReaderLeft):
                self._tell({"op": "cancel"})
            else:
                error = self._pass_on(event, wire)
                final = event.header["final"]
        if not final:
            self._tell({"op": "cancel"})
        self._sink.finish(error)

    def _pass_on(self, message: Message, wire: Wire) -> ImagoError | None:
        if "response" not in message.header:
            return None
        outcome = wire.outcome(message.header["response"], iter(message.tensors), self._wanted)
        if isinstance(outcome, ImagoError):
            return outcome
        self._sink.send(outcome)
        self._tell({"op": "credit", "responses": 1})
        return None

    def _tell(self, order: Mapping[str, Any]) -> None:
        with suppress(ChannelClosed):  # the process's end arrives as an event of its own
            self.process.channel.send({**order, "stream": self.number})


class Deliveries:
    """The decoupled requests of one instance that are under way. Listens to its supervisor."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = itertools.count()
        self._open: dict[int, Delivery] = {}
        self._lock = threading.Lock()

    def start(self, process: ModelProcess, request: InferRequest, sink: ResponseSink) -> None:
        """Start one request; returns when the model's `execute` has."""
        delivery = Delivery(next(self._numbers), request, sink, process)
        with self._lock:
            self._open[delivery.number] = delivery
        header, tensors = self._wire.execute([request])
        try:
            process.channel.send({**header, "stream": delivery.number}, tensors)
        except ChannelClosed:
            self._lose(delivery)
        threading.Thread(
            target=self._run, args=(delivery,), name=f"response stream {delivery.number}", daemon=True
        ).start()
        delivery.executed.wait()

    def deliver(self, message: Message) -> None:
        delivery = self._open.get(message.header["stream"])
        if delivery is None:  # it failed, and the model goes on regardless
            return
        match message.header["op"]:
            case "response":
                delivery.put(message)
            case "executed":
                delivery.process.answered = True
                delivery.executed.set()
            case "failed":
                delivery.put(self._wire.failure(message.header["error"]))
            case "dropped":
                delivery.put(self._wire.failure("it gave up its response sender before it sent the final flag"))

    def ended(self, process: ModelProcess) -> None:
        with self._lock:
            lost = [delivery for delivery in self._open.values() if delivery.process is process]
        for delivery in lost:
            self._lose(delivery)

    def _lose(self, delivery: Delivery) -> None:
        delivery.put(delivery.process.lost("while it computed this request"))
        delivery.executed.set()

    def _run(self, delivery: Delivery) -> None:
        delivery.run(self._wire)
        delivery.executed.wait()
        with self._lock:
            del self._open[delivery.number]
