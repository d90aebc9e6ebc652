"""Answers batches in a model's process: requests in, one response each out; decoupled models share its translation."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from services.runtime.backends.python.channel import Channel, ChannelClosed, Message, NamedTensor
from services.runtime.backends.python.child.model import Model
from services.runtime.backends.python.child.pb_inference import (
    InferenceRequest,
    InferenceResponse,
    Outlet,
    given_request,
)
from services.runtime.backends.python.child.pb_tensor import Tensor, TritonModelException

Log = Callable[[str, str], None]
"""Takes a level's name and a text."""

LONGEST_FAILURE = 1000
"""Some exceptions print the array that they are about."""


class Collected:
    """The response of an ordinary request whose model sends it instead of returning it."""

    response: InferenceResponse | None = None

    def deliver(self, response: InferenceResponse | None, final: bool) -> None:
        if response is not None and self.response is not None:
            raise TritonModelException(
                "Unable to send response. Non-decoupled model cannot send more than one response."
            )
        if response is None and self.response is None:
            raise TritonModelException(
                "Unable to send response. Non-decoupled model cannot send complete final before sending a response."
            )
        self.response = self.response or response

    def is_cancelled(self) -> bool:
        return False


def serve_batches(channel: Channel, model: Model, log: Log) -> None:
    """Answer every batch until the server says `finalize`."""
    while _serve_batch(channel, model, log, channel.receive()):
        pass


def requests_of(message: Message, outlets: Sequence[Outlet]) -> Iterator[InferenceRequest]:
    """The requests of an `execute` message, each with its outlet."""
    tensors = iter(message.tensors)
    for entry, outlet in zip(message.header["requests"], outlets, strict=True):
        inputs = [Tensor(*next(tensors)) for _ in range(entry.pop("inputs"))]
        yield given_request(InferenceRequest(inputs=inputs, **entry), outlet)


def describe(response: InferenceResponse, tensors: list[NamedTensor]) -> dict[str, Any]:
    """A response's header; its outputs join `tensors`."""
    error = response.error()
    if error is not None:
        return {"error": [error.code().name, error.message()]}
    outputs = [(tensor.name(), tensor.as_numpy()) for tensor in response.output_tensors()]
    tensors += outputs
    return {"outputs": len(outputs)}


def describe_failure(error: BaseException) -> str:
    """An exception in one line of at most `LONGEST_FAILURE` characters, without its traceback."""
    text = str(error) if isinstance(error, TritonModelException) else f"{type(error).__name__}: {error}"
    return " ".join(text[:LONGEST_FAILURE].split())


def _serve_batch(channel: Channel, model: Model, log: Log, message: Message) -> bool:
    if message.header["op"] == "finalize":
        return False
    tensors: list[NamedTensor] = []
    try:
        answers = _answer(model, message, tensors)
        channel.send({"op": "executed", "responses": answers}, tensors)
    except ChannelClosed:
        raise
    except Exception as error:  # by the model, or on text that is not UTF-8, of which nothing was sent yet
        log("ERROR", f"execute() raised\n{traceback.format_exc()}")
        channel.send({"op": "executed", "error": describe_failure(error)})
    return True


def _answer(model: Model, message: Message, tensors: list[NamedTensor]) -> list[dict[str, Any]]:
    outlets = [Collected() for _ in message.header["requests"]]
    requests = list(requests_of(message, outlets))
    returned = model.execute(requests)
    if isinstance(returned, Future):
        returned = returned.result()
    return [describe(response, tensors) for response in _responses(returned, outlets)]


def _responses(returned: Any, outlets: Sequence[Collected]) -> Iterator[InferenceResponse]:
    if returned is None:
        returned = [None] * len(outlets)
    if not isinstance(returned, list):
        raise TritonModelException(f"Expected a list in the execute return, found type '{type(returned).__name__}'.")
    if len(returned) != len(outlets):
        raise TritonModelException(
            "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
            f"InferenceRequest(s) size is:{len(outlets)}, and InferenceResponse(s) size is:{len(returned)}"
        )
    for number, (answer, outlet) in enumerate(zip(returned, outlets, strict=True)):
        response = outlet.response if answer is None else answer
        if response is None:
            raise TritonModelException(f"execute() gave no response to request {number} of {len(outlets)}")
        if not isinstance(response, InferenceResponse):
            raise TritonModelException(
                "Expected an 'InferenceResponse' object in the execute function return list, found type "
                f"'{type(response).__name__}'."
            )
        yield response
