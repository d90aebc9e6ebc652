"""Decides which gRPC status an error becomes: code, sentence, and details that a program can read.

It ignores who sends it: gRPC handlers, REST routes and one part of a larger answer all use the same table.
"""

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from services.runtime.errors import (
    Cancelled,
    DeadlineExpired,
    ImagoError,
    InvalidInput,
    ModelFailed,
    NotFound,
    Overloaded,
    Unavailable,
    Unsupported,
)

Metadata = tuple[tuple[str, str | bytes], ...]

_CODES: dict[type[ImagoError], StatusCode] = {
    InvalidInput: StatusCode.INVALID_ARGUMENT,
    NotFound: StatusCode.NOT_FOUND,
    Unsupported: StatusCode.UNIMPLEMENTED,
    Overloaded: StatusCode.RESOURCE_EXHAUSTED,
    DeadlineExpired: StatusCode.DEADLINE_EXCEEDED,
    Cancelled: StatusCode.CANCELLED,
    Unavailable: StatusCode.UNAVAILABLE,
    ModelFailed: StatusCode.INTERNAL,
}

_MAX_SENTENCE_BYTES = 1000
"""A client drops trailers above 8 KiB, and the sentence is in there twice, percent-encoded and in the details."""


def code_of(error: ImagoError) -> StatusCode:
    """The gRPC code of the error's class, or of the nearest class that it derives from."""
    return next((_CODES[cls] for cls in type(error).__mro__ if cls in _CODES), StatusCode.INTERNAL)


def status_of(error: ImagoError) -> Status:
    """The `google.rpc.Status`: a `BadRequest` detail names a wrong field, a `RetryInfo` says when to come back."""
    text = str(error)[:_MAX_SENTENCE_BYTES]
    sentence = text.encode(errors="replace")[:_MAX_SENTENCE_BYTES].decode(errors="ignore")
    status = Status(code=code_of(error).value[0], message=sentence)
    if isinstance(error, InvalidInput) and error.field:
        violation = BadRequest.FieldViolation(field=error.field, description=sentence)
        status.details.append(_pack(BadRequest(field_violations=[violation])))
    if isinstance(error, Overloaded):
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        status.details.append(_pack(RetryInfo(retry_delay=delay)))
    return status


def trailers_of(error: ImagoError) -> Metadata:
    """The trailing metadata that carries `status_of(error)`, and gRPC's own pushback for retrying clients."""
    status = status_of(error)
    trailers: Metadata = (("grpc-status-details-bin", status.SerializeToString()),) if status.details else ()
    if isinstance(error, Overloaded):
        trailers += (("grpc-retry-pushback-ms", str(round(error.retry_after_s * 1000))),)
    return trailers


def _pack(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
