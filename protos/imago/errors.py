"""What a call can fail with, as a caller wants to catch it. `str(error)` is one sentence for people.

What is retried is decided in `channel.py`; an error raised from here is final.
"""

from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from grpc_status import rpc_status


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of the request that the server refused, and why."""

    field: str
    description: str


class ImagoClientError(Exception):
    """Base of all failed calls, and the class of those that no subclass names, e.g. INTERNAL or CANCELLED."""

    def __init__(
        self,
        sentence: str,
        code: grpc.StatusCode,
        *,
        violations: tuple[FieldViolation, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.violations = violations
        self.retry_after_s = retry_after_s
        """When the server expects to have room again; None when it did not say."""


class InvalidRequest(ImagoClientError):
    """The request can never succeed: a broken image or a value out of range (INVALID_ARGUMENT). See `violations`."""


class NotFound(ImagoClientError):
    """No such model, version or record (NOT_FOUND)."""


class Unsupported(ImagoClientError):
    """The server, or the model, does not do this (UNIMPLEMENTED)."""


class Overloaded(ImagoClientError):
    """The server had no room, also not after the retries (RESOURCE_EXHAUSTED). See `retry_after_s`."""


class DeadlineExceeded(ImagoClientError):
    """The answer did not come within `timeout_s` (DEADLINE_EXCEEDED)."""


class Unavailable(ImagoClientError):
    """The server could not answer, also not after the retries (UNAVAILABLE)."""


class ServerUnreachable(Unavailable):
    """No server was reached at all: wrong address, or it does not run."""


CLASSES: dict[grpc.StatusCode, type[ImagoClientError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
}

# gRPC has no code of its own for "there was nobody": these are the beginnings of what its channel says then.
NO_ADDRESS = ("errors resolving", "DNS resolution failed")
NO_CONNECTION = ("connections to all backends failing", "failed to connect to all addresses")
# What gRPC itself says for a server about an RPC that it does not have.
NO_METHOD = "Method not found!"


def from_call(call: grpc.Call, *, server: str, timeout_s: float | None) -> ImagoClientError:
    """The error for a call that failed, with the server's own sentence wherever it gave one.

    `timeout_s` is what the call was granted; None: as long as it takes.
    """
    code, details = call.code(), call.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE and details.startswith(NO_ADDRESS):
        return ServerUnreachable(
            f"No Imago server answers at {server}: nobody knows this address. It is HOST:PORT, e.g. 127.0.0.1:8081.",
            code,
        )
    if code is grpc.StatusCode.UNAVAILABLE and details.startswith(NO_CONNECTION):
        return ServerUnreachable(
            f"No Imago server answers at {server}: is it running, and does it speak gRPC there?", code
        )
    if code is grpc.StatusCode.UNIMPLEMENTED and details == NO_METHOD:
        details = f"{server} does not have this call: a service answers for itself alone, the gateway for all."
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and details.lower() in ("", "deadline exceeded"):
        limit = "its own time limit" if timeout_s is None else f"{timeout_s:g} s"
        details = f"{server} did not answer within {limit}."
    if not details:
        details = f"{server} answered {code.name} and no reason."
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s = None
    for detail in _details(call):
        bad, retry = BadRequest(), RetryInfo()
        if detail.Unpack(bad):
            violations = tuple(FieldViolation(one.field, one.description) for one in bad.field_violations)
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return CLASSES.get(code, ImagoClientError)(details, code, violations=violations, retry_after_s=retry_after_s)


def _details(call: grpc.Call) -> list[Any]:
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # they contradict the status itself: a server's mistake that must not hide its sentence
        return []
    return list(status.details) if status else []
