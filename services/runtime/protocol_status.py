"""Where the Open Inference Protocol answers an error with Triton's own code and text instead of our finer ones."""

from grpc import StatusCode

from services.runtime.errors import Cancelled, ImagoError, Overloaded, QueueTimeout
from services.runtime.process.status import code_of, status_of

_AS_TRITON: dict[type[ImagoError], tuple[StatusCode, str]] = {
    Overloaded: (StatusCode.UNAVAILABLE, "Exceeds maximum queue size"),
    QueueTimeout: (StatusCode.UNAVAILABLE, "Request timeout expired"),
    Cancelled: (StatusCode.CANCELLED, ""),
}
"""Clients of Triton compare these; the other errors say a sentence that is in Triton's words already."""


def triton_status(error: ImagoError) -> tuple[StatusCode, str]:
    """The code and text that a client of Triton expects."""
    return _AS_TRITON.get(type(error)) or (code_of(error), status_of(error).message)
