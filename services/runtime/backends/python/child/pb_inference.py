"""Requests, responses and errors, as a `model.py` sees them through `triton_python_backend_utils`."""

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NoReturn, Protocol

from services.runtime.backends.python.child.pb_tensor import Tensor, TritonModelException

TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1
TRITONSERVER_REQUEST_RELEASE_ALL = 1


class _ErrorCode(IntEnum):
    UNKNOWN = 0
    INTERNAL = 1
    NOT_FOUND = 2
    INVALID_ARG = 3
    UNAVAILABLE = 4
    UNSUPPORTED = 5
    ALREADY_EXISTS = 6
    CANCELLED = 7


class TritonError:
    """Why one request failed; goes into an `InferenceResponse`. The code decides what the client sees."""

    UNKNOWN = _ErrorCode.UNKNOWN
    INTERNAL = _ErrorCode.INTERNAL
    NOT_FOUND = _ErrorCode.NOT_FOUND
    INVALID_ARG = _ErrorCode.INVALID_ARG
    UNAVAILABLE = _ErrorCode.UNAVAILABLE
    UNSUPPORTED = _ErrorCode.UNSUPPORTED
    ALREADY_EXISTS = _ErrorCode.ALREADY_EXISTS
    CANCELLED = _ErrorCode.CANCELLED

    def __init__(self, message: str, code: int = _ErrorCode.INTERNAL) -> None:
        self._message = str(message)
        self._code = _ErrorCode(code)

    def code(self) -> _ErrorCode:
        return self._code

    def message(self) -> str:
        return self._message

    def __str__(self) -> str:
        return self._message


class InferenceResponse:
    """The outputs of one request, or its error."""

    def __init__(
        self,
        output_tensors: Sequence[Tensor] = (),
        error: TritonError | None = None,
        parameters: Mapping[str, bool | int | float | str] | None = None,
    ) -> None:
        self._output_tensors = list(output_tensors)
        for tensor in self._output_tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"output_tensors needs Tensor objects, found {type(tensor).__name__}")
        self._error = error
        self._parameters = _parameters_json(parameters)

    def output_tensors(self) -> list[Tensor]:
        return self._output_tensors

    def has_error(self) -> bool:
        return self._error is not None

    def error(self) -> TritonError | None:
        return self._error

    def parameters(self) -> str:
        """JSON."""
        return self._parameters


class Outlet(Protocol):
    """Where a request's responses go."""

    def deliver(self, response: InferenceResponse | None, final: bool) -> None:
        """Pass on a response; blocks while the reader is too far behind."""

    def is_cancelled(self) -> bool:
        """Whether nobody waits for the responses any more."""


class InferenceResponseSender:
    """Sends the responses of one request, from any thread, until the final flag."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._closed = False

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        """Send a response, the final flag, or both; blocks while the reader is too far behind."""
        if flags not in (0, TRITONSERVER_RESPONSE_COMPLETE_FINAL):
            raise TritonModelException("Unable to send response. Unsupported flag provided.")
        if flags == 0 and response is None:
            raise TritonModelException(
                "Inference Response object must be provided when the response flags is set to zero."
            )
        if self._closed:
            raise TritonModelException("Unable to send response. Response sender has been closed.")
        self._closed = flags == TRITONSERVER_RESPONSE_COMPLETE_FINAL
        self._outlet.deliver(response, self._closed)

    def is_cancelled(self) -> bool:
        return self._outlet.is_cancelled()


class InferenceRequest:
    """One request. A model reads those that it is given; one that it makes itself cannot be executed here."""

    def __init__(  # noqa: PLR0913, PLR0917 - Triton's signature
        self,
        request_id: str = "",
        correlation_id: int | str = 0,
        inputs: Sequence[Tensor] = (),
        requested_output_names: Sequence[str] = (),
        model_name: str = "",
        model_version: int = -1,
        flags: int = 0,
        timeout: int = 0,
        preferred_memory: Any = None,
        trace: Any = None,
        parameters: Mapping[str, bool | int | float | str] | None = None,
    ) -> None:
        self._request_id = request_id
        self._correlation_id = correlation_id
        self._inputs = list(inputs)
        self._requested_output_names = list(requested_output_names)
        self._model_name = model_name
        self._model_version = model_version
        self._flags = flags
        self._timeout = timeout
        self._trace = trace
        self._parameters = _parameters_json(parameters)
        self._sender: InferenceResponseSender | None = None

    def inputs(self) -> list[Tensor]:
        return self._inputs

    def request_id(self) -> str:
        return self._request_id

    def correlation_id(self) -> int | str:
        return self._correlation_id

    def requested_output_names(self) -> list[str]:
        return self._requested_output_names

    def model_name(self) -> str:
        return self._model_name

    def model_version(self) -> int:
        return self._model_version

    def parameters(self) -> str:
        """JSON."""
        return self._parameters

    def flags(self) -> int:
        return self._flags

    def set_flags(self, flags: int) -> None:
        self._flags = flags

    def timeout(self) -> int:
        """Microseconds; 0 for none."""
        return self._timeout

    def trace(self) -> Any:
        return self._trace

    def is_cancelled(self) -> bool:
        return self._sender is not None and self._sender.is_cancelled()

    def get_response_sender(self) -> InferenceResponseSender:
        if self._sender is None:
            raise TritonModelException("Only a request that was given to execute() has a response sender.")
        return self._sender

    def set_release_flags(self, flags: int) -> None:
        if flags != TRITONSERVER_REQUEST_RELEASE_ALL:
            raise TritonModelException("This runtime does not reschedule requests (set_release_flags).")

    def exec(self, decoupled: bool = False) -> NoReturn:
        self._refuse_call()

    async def async_exec(self, decoupled: bool = False) -> NoReturn:
        self._refuse_call()

    def _refuse_call(self) -> NoReturn:
        raise TritonModelException(
            f"This runtime does not let a model call another one: model '{self._model_name}' was called."
        )


def given_request(request: InferenceRequest, outlet: Outlet) -> InferenceRequest:
    """The same request with a sender for its responses."""
    request._sender = InferenceResponseSender(outlet)
    return request


def _parameters_json(parameters: Mapping[str, bool | int | float | str] | None) -> str:
    for key, value in (parameters or {}).items():
        if not isinstance(key, str):
            raise TritonModelException(f"Expect parameters keys to have type str, found type {type(key)}")
        if not isinstance(value, bool | int | float | str):
            raise TritonModelException(
                f"Expect parameters values to have type bool/int/float/str, found type {type(value)}"
            )
    return json.dumps(dict(parameters or {}))
