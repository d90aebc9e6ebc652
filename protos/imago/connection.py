"""One connection to a server, over which any call travels: its deadlines, its failures, its end.

Knows nothing of what is called; `client.py` and `translator_calls.py` do.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from imago import errors
from imago.channel import open_channel

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


class Connection:
    """A channel to one server; safe to share between threads.

    Args:
        server: `HOST:PORT`. A name is balanced over all its addresses.
        timeout_s: Most seconds that a call may take; a call's own `timeout_s` overrides it.
    """

    def __init__(self, server: str, *, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._channel = open_channel(server)

    def close(self) -> None:
        """Ends the connection and every call on it."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        rpc: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout_s: float | None,
    ) -> ResponseT:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        with self._failures(limit_s):
            return rpc(request, timeout=limit_s)

    def _answers(self, answers: Iterator[ResponseT], timeout_s: float | None) -> Generator[ResponseT, None, None]:
        with self._failures(timeout_s):
            yield from answers

    def _stream(
        self,
        rpc: "grpc.UnaryStreamMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout_s: float | None,
    ) -> Generator[ResponseT, None, None]:
        """The answers of a call, which begins with the first that is asked for; closing it ends the call."""
        with self._failures(timeout_s):
            call: Any = rpc(request, timeout=timeout_s)
            try:
                yield from call
            finally:
                call.cancel()

    @contextmanager
    def _failures(self, timeout_s: float | None) -> Iterator[None]:
        """Raises what a call failed with as one of our errors."""
        try:
            yield
        except grpc.RpcError as error:
            if not isinstance(error, grpc.Call):
                raise
            raise errors.from_call(error, server=self._server, timeout_s=timeout_s) from error


def fill(request: Message, fields: Mapping[str, Any]) -> None:
    """Fills in fields; what the contract's type cannot hold is refused as a server would refuse it."""
    for name, value in fields.items():
        try:
            request.MergeFrom(type(request)(**{name: value}))
        except (TypeError, ValueError) as error:
            sentence = f"{name} is {value!r}: {error}"
            violations = (errors.FieldViolation(name, sentence),)
            raise errors.InvalidRequest(sentence, grpc.StatusCode.INVALID_ARGUMENT, violations=violations) from error
