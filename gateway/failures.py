"""What a caller is told when something fails, as one `google.rpc.Status` for REST, the fan-out and pass-through.

HTTP's numbers are in `problems.py`; what our own errors become is decided by `process/status.py`.
"""

import logging
from collections.abc import Sequence
from uuid import uuid4

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, status_pb2

from services.runtime.errors import ImagoError
from services.runtime.process.status import status_of

_log = logging.getLogger(__name__)
_STATUS_DETAILS = "grpc-status-details-bin"

RETRY_PUSHBACK = "grpc-retry-pushback-ms"
"""The trailer by which a server tells gRPC clients when to repeat a call."""
NEVER = "-1"
"""Its value that says: do not repeat it."""


class BackendFailed(Exception):
    """A service ended a call with another status than OK, or could not be reached."""

    def __init__(
        self, code: grpc.StatusCode, message: str, trailing_metadata: Sequence[tuple[str, str | bytes]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailing_metadata = tuple(trailing_metadata)

    @property
    def is_final(self) -> bool:
        """Whether the caller is asked not to repeat the call."""
        return (RETRY_PUSHBACK, NEVER) in self.trailing_metadata


def failure_status(error: Exception) -> status_pb2.Status:
    """Code, sentence and details: the service's own, or ours. What nobody foresaw is logged, and told as a number."""
    if isinstance(error, ImagoError):
        return status_of(error)
    if isinstance(error, BackendFailed):
        return _status_of_backend(error)
    incident = uuid4().hex[:8]
    _log.error("internal error", exc_info=error, extra={"incident": incident})
    return status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=f"internal error {incident}")


def code_name(code: int) -> str:
    """The name of a google.rpc.Code, e.g. "UNAVAILABLE"; "UNKNOWN" for a number that is none."""
    return next((name for name, number in code_pb2.Code.items() if number == code), "UNKNOWN")


def _status_of_backend(failed: BackendFailed) -> status_pb2.Status:
    status = status_pb2.Status()
    packed = next((value for key, value in failed.trailing_metadata if key == _STATUS_DETAILS), b"")
    try:
        status.ParseFromString(packed if isinstance(packed, bytes) else packed.encode())
    except DecodeError:
        status.Clear()
    status.code, status.message = failed.code.value[0], failed.message
    return status
